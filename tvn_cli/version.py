"""`tvn --version`: the versions that matter in a bug report, without importing what they are of."""

import platform
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata

PACKAGES = ("torch", "tensorflow", "tensorflow-cpu", "keras", "onnxruntime", "onnx", "numpy")


def list_versions() -> Iterator[str]:
    """A line for this package, then one for Python and each package that is installed."""
    with suppress(metadata.PackageNotFoundError):
        yield f"tvn-port {metadata.version('tvn-port')}"
    yield f"python {platform.python_version()}, {platform.platform()}"
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            yield f"{package} {metadata.version(package)}"
