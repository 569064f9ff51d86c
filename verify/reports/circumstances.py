"""When, where and with which versions a verification ran: what its verdict rests on."""

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "tvn-port", "torch", "tensorflow", "tensorflow-cpu", "keras", "onnxruntime", "numpy",
)  # fmt: skip


def circumstances() -> dict[str, Any]:
    """Date, machine and versions, for a report's `made`; nothing is imported to learn them."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version()} | versions_of(PACKAGES),
    }


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def processor() -> str:
    """Its model, where the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
