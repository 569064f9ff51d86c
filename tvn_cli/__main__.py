"""`python -m tvn_cli`, the same as `tvn`."""

from tvn_cli.entry import run

if __name__ == "__main__":
    run()
