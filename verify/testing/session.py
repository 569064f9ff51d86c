"""Judging each spec once a test session, however many processes run its tests."""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from port.errors import InputError
from verify.testing.parity_tests import ParityTests


def judge_once(tests: ParityTests, folder: Path) -> list[Any]:
    """The rows of a spec; the first process to come judges it, the others wait and read.

    Raises:
        InputError: the spec cannot be judged.
    """
    return _once(tests, folder, "rows", lambda: _judged(tests))


def name_once(tests: ParityTests, folder: Path) -> list[Any]:
    """The names of what would be judged, without judging: taps, and values of training.

    Raises:
        InputError: the spec cannot be read.
    """
    return _once(tests, folder, "names", lambda: _named(tests))


def _judged(tests: ParityTests) -> list[Any]:
    from verify.custom.load import load_spec
    from verify.diagnosis.verify import verify
    from verify.testing.rows import rows_of

    return [*rows_of(verify(load_spec(tests.path), tests.level))]


def _named(tests: ParityTests) -> list[Any]:
    from verify.custom.load import load_spec

    spec = load_spec(tests.path)
    names = [tap for stage in spec.stages for tap in stage.taps]
    training = getattr(spec, "training", None) if tests.level == "training" else None
    return [*names, *(training.values if training is not None else ())]


def _once(tests: ParityTests, folder: Path, what: str, make: Callable[[], list[Any]]) -> list[Any]:
    """What `make` makes, by one process of the session; an error is everybody's."""
    key = sha256(f"{tests.path.resolve()}\0{tests.level}\0{what}".encode()).hexdigest()[:16]
    kept = folder / f"{key}.json"
    with _locked(folder / f"{key}.lock"):
        if not kept.exists():
            try:
                content: dict[str, Any] = {"made": make()}
            except InputError as error:
                content = {"error": str(error)}
            partial = kept.with_suffix(".partial")
            partial.write_text(json.dumps(content), "utf-8")
            partial.rename(kept)
    content = json.loads(kept.read_text("utf-8"))
    if "error" in content:
        raise InputError(content["error"])
    return content["made"]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed
        yield
