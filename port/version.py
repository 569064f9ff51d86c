"""The version of this package, as it is installed."""

from importlib import metadata

try:
    __version__ = metadata.version("tvn-port")
except metadata.PackageNotFoundError:  # a checkout on the path, which nobody installed
    __version__ = "0+unknown"
