"""`tvn --version`: the versions that matter in a bug report, without importing what they are of."""

import platform
from collections.abc import Iterator

from port.version import __version__
from verify.reports.circumstances import versions_of

PACKAGES = ("torch", "tensorflow", "tensorflow-cpu", "keras", "onnxruntime", "onnx", "numpy")


def list_versions() -> Iterator[str]:
    """A line for this package, then one for Python and each package that is installed."""
    yield f"tvn-port {__version__}"
    yield f"python {platform.python_version()}, {platform.platform()}"
    yield from (f"{name} {version}" for name, version in versions_of(PACKAGES).items())
