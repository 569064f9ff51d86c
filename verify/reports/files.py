"""Where reports go: checked before the work starts, written whole once it is done."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from port.atomic import write_text
from port.errors import InputError
from verify.reports.report import Report

Outputs = Mapping[Path, Literal["json", "page"]]


def prepare_outputs(folder: str | Path | None, json: str | Path | None) -> Outputs:
    """The files that a report will be written to.

    Args:
        folder: is made, for `report.json` and `report.html`.
        json: a file for the JSON alone.

    Raises:
        InputError: there cannot be written.
    """
    outputs: dict[Path, Literal["json", "page"]] = {}
    if folder is not None:
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: --report cannot be written ({error.strerror})") from None
        outputs |= {folder / "report.json": "json", folder / "report.html": "page"}
    if json is not None:
        outputs[Path(json)] = "json"
    for path in outputs:
        require_writable(path)
    return outputs


def require_writable(path: Path) -> None:
    """Refuse a file that could not be written once the work is done.

    Raises:
        InputError: its folder is not there, or cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def write_report(report: Report, outputs: Outputs) -> None:
    """Write each file, whole or not at all."""
    for path, kind in outputs.items():
        write_text(path, report.to_html() if kind == "page" else report.to_json())
