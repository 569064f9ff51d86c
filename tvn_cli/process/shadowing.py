"""Own packages before the user's files of the same name, and a word where that fails.

The wheel brings packages with names as common as `train`, and a working folder may hold a
`train.py`. `python -m` puts that folder in front of all others, and so does `PYTHONPATH=.`.
"""

import os
import sys
from importlib.machinery import PathFinder
from os.path import abspath, dirname, realpath

TYPE_CHECKING = False  # as in `typing`, which takes a while, and Ctrl-C is not yet answered
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HOME = dirname(dirname(dirname(realpath(__file__))))  # noqa: PTH120
OWN = ("port", "reference_tf", "train", "tvn_cli", "verify")


class _OwnPackages:
    """Finds each of `OWN` beside this package, and nothing else."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        return PathFinder.find_spec(name, [HOME], target) if name in OWN else None


def find_own_packages_first() -> None:
    """Let own packages be found first, and the working folder's files last."""
    if _OwnPackages not in sys.meta_path:
        sys.meta_path.insert(0, _OwnPackages)
    here = [entry for entry in sys.path if _is_working_folder(entry)]
    if here:
        sys.path[:] = [entry for entry in sys.path if entry not in here] + here


def shadowed(error: BaseException) -> str | None:
    """One line on what was imported though something else was meant; None if nothing was.

    Args:
        error: what came of it: raised in a file that stands in front of another, or for what a
            module imported by now has not.
    """
    from traceback import walk_tb

    files = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)]
    if isinstance(error, ImportError | AttributeError):
        modules = {name: module for name, module in sys.modules.items() if "." not in name}
        files += [str(getattr(module, "__file__", "")) for module in modules.values()]
    for file in dict.fromkeys(files):
        folder, name = _found_as(file)
        if meant := _meant(name, folder):
            return f"{file} stands in front of {meant} {name!r}; rename it or start elsewhere"
    return None


def _is_working_folder(entry: str) -> bool:
    # Not `realpath`: to ask the system about each folder takes long, and Python has made the
    # working folder's own entries of what the system calls it.
    try:
        return abspath(entry) == os.getcwd() != HOME  # noqa: PTH100, PTH109
    except OSError:  # the working folder is gone
        return entry in ("", ".")


def _found_as(file: str) -> tuple[str, str]:
    """The folder that was searched and the name that was asked for, of a module's file."""
    folder, name = os.path.split(realpath(file))
    return os.path.split(folder) if name == "__init__.py" else (folder, name.partition(".")[0])


def _meant(name: str, folder: str) -> str | None:
    """What else goes by the name, for a module from PYTHONPATH or the working folder."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own = {realpath(entry) for entry in given} | {realpath("")}
    if folder not in own or folder == HOME:
        return None
    if name in OWN:
        return "tvn's own package"
    if name in sys.stdlib_module_names:
        return "Python's own module"
    others = [entry for entry in sys.path if realpath(entry) not in own]
    return "the installed package" if PathFinder.find_spec(name, others) else None
