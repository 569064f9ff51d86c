"""Own packages before the user's files of the same name, and a word where that fails.

The wheel brings packages with names as common as `train`, and a working folder may hold a
`train.py`. `python -m` puts that folder in front of all others, and so does `PYTHONPATH=.`.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from os.path import dirname, realpath
from types import ModuleType

# With `os.path`, since `pathlib` takes a while, and this is before Ctrl-C is answered.
HOME = dirname(dirname(dirname(realpath(__file__))))  # noqa: PTH120
OWN = ("port", "reference_tf", "train", "tvn_cli", "verify")


class _OwnPackages:
    """Finds each of `OWN` beside this package, and nothing else."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [HOME], target) if name in OWN else None


def find_own_packages_first() -> None:
    """Let own packages be found first, and the working folder's files last."""
    if _OwnPackages not in sys.meta_path:
        sys.meta_path.insert(0, _OwnPackages)
    here = [entry for entry in sys.path if _is_working_folder(entry)]
    if here:
        sys.path[:] = [entry for entry in sys.path if entry not in here] + here


def shadowed() -> str | None:
    """One line on what was imported though something else was meant; None if nothing was.

    Looks at what is imported by now, and takes time: for when something went wrong.
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or "." in name or name.startswith("__"):
            continue
        folder = _folder(file)
        if name in OWN:
            meant = None if folder == HOME else "tvn's own package"
        else:
            meant = _meant(name, folder)
        if meant:
            return f"{file} stands in front of {meant} {name!r}; rename it, or start elsewhere"
    return None


def _is_working_folder(entry: str) -> bool:
    try:
        return realpath(entry or ".") == os.getcwd() != HOME  # noqa: PTH109
    except OSError:  # the working folder is gone
        return entry in ("", ".")


def _folder(file: str) -> str:
    """Where the module's name is found: for a package, the folder that holds it."""
    folder, name = os.path.split(realpath(file))
    return dirname(folder) if name.startswith("__init__.") else folder  # noqa: PTH120


def _meant(name: str, folder: str) -> str | None:
    """What else goes by the name, for a module from PYTHONPATH or the working folder."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own = {realpath(entry or ".") for entry in given} | {realpath(".")}
    if folder not in own or folder == HOME:
        return None
    if name in sys.stdlib_module_names:
        return "Python's own module"
    others = [entry for entry in sys.path if realpath(entry or ".") not in own]
    return "the installed package" if PathFinder.find_spec(name, others) else None
