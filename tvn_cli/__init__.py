"""The command `tvn`: `main` dispatches, a file a command, `process` for what all of them share."""

from tvn_cli.process.shadowing import find_own_packages_first

# Here, since every process that has to do with the command comes by, data workers among them.
find_own_packages_first()
