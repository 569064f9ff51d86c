"""`python -m tvn_cli`, the same as `tvn`."""

from tvn_cli.main import run

run()
