"""pytest's plugin: one test for each tap and value of a comparison.

    pytest --parity=my_port.py --parity-level=training

It is loaded in every pytest session where this package is installed, so it imports nothing that
takes time until a parity test is collected.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verify.testing.parity_tests import ParityTests

FOLDER = pytest.StashKey[Path]()
OPTION, LEVEL = "--parity", "--parity-level"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("parity", "a PyTorch port beside its TensorFlow original")
    group.addoption(
        OPTION,
        action="append",
        default=[],
        metavar="FILE.py",
        help="a file that defines spec(), see `tvn verify --spec`: one test for each of its taps; "
        "without other arguments nothing else is collected",
    )
    group.addoption(
        LEVEL,
        default="inference",
        metavar="LEVEL",
        help="how much is judged of --parity: inference, probes, training or full",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the spec files to what is collected, and make a folder that all processes share."""
    files = config.getoption(OPTION)
    for file in files:
        if not Path(file).is_file():
            raise pytest.UsageError(f"{OPTION}={file}: no such file")
    if files:
        others = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        config.args = [*others, *files]
    # A process of pytest-xdist is told of the folder that the first one made.
    told = getattr(config, "workerinput", {}).get("parity_folder")
    config.stash[FOLDER] = Path(told or tempfile.mkdtemp(prefix="parity-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    if FOLDER in config.stash and not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist of the folder."""
    node.workerinput["parity_folder"] = str(node.config.stash[FOLDER])


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    """A spec file is no module of tests."""
    files = {Path(file).resolve() for file in parent.config.getoption(OPTION)}
    if module_path.resolve() not in files:
        return None
    tests = ParityTests(module_path, parent.config.getoption(LEVEL))
    # pytest has no name for a file outside of its root.
    inside = module_path.is_relative_to(parent.config.rootpath)
    named: dict[str, Any] = {} if inside else {"nodeid": str(module_path)}
    return ParityFile.from_parent(parent, path=module_path, tests=tests, **named)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> Any:
    """`test_my_port = parity_tests("my_port.py")` in a test file."""
    if not isinstance(obj, ParityTests):
        return None
    return ParityGroup.from_parent(collector, name=name, tests=obj)


class _Collects(pytest.Collector):
    """The tests of one spec, whatever holds them."""

    tests: ParityTests

    def collect(self) -> Iterator[pytest.Item]:
        """Judge the spec, once a session, and give a test for each tap and value."""
        from port.errors import InputError
        from verify.testing.session import judge_once, name_once

        folder = self.config.stash[FOLDER]
        try:
            if self.config.getoption("collectonly"):
                rows = [{"name": name} for name in name_once(self.tests, folder)]
            else:
                rows = judge_once(self.tests, folder)
        except InputError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        for row in rows:
            name = f"{self.tests.name}[{row['name']}]"
            # As text, so that pytest reads the brackets as it does those of its own tests.
            yield ParityItem.from_parent(self, name=name, row=row, nodeid=f"{self.nodeid}::{name}")


class ParityFile(_Collects, pytest.File):
    """A spec file that `--parity` names."""

    def __init__(self, *, tests: ParityTests, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tests = tests


class ParityGroup(_Collects):
    """A spec that a test file names."""

    def __init__(self, *, tests: ParityTests, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tests = tests


class ParityItem(pytest.Item):
    """One tap or value."""

    def __init__(self, *, row: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._row = row

    def runtest(self) -> None:
        """Fail where the tap is wrong by itself; where it only follows, that is expected."""
        if self._row["outcome"] == "failed":
            raise DifferenceError(self._row["text"])
        if self._row["outcome"] == "follows":
            pytest.xfail(self._row["text"])
        if self._row["outcome"] == "not judged":
            pytest.skip(self._row["text"])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The figures and the cause, without a traceback."""
        if isinstance(excinfo.value, DifferenceError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where, and under what name."""
        return self.path, 0, self.name


class DifferenceError(AssertionError):
    """A tap or a value is not the original's."""
