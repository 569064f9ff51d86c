"""Reading a user's file that says how to compare a port with its original."""

import os
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from port.errors import InputError
from port.untrusted import MIB, open_regular
from verify.custom.layouts.nested import in_one_line
from verify.specs.spec import PortSpec


def load_spec(path: str | Path) -> PortSpec:
    """Run the file, which is Python of the user's own, and take its `spec()` or `SPEC`.

    Modules beside the file can be imported in it.

    Raises:
        InputError: there is no such file, it raises an error, or it has neither.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; --spec takes a Python file that defines spec()")
    with open_regular(path, MIB, "a Python file that defines spec()"):
        pass
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings are no news
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        found = spec_from_file_location(path.stem, path)
        if found is None or found.loader is None:
            raise InputError(f"{path}: not a Python file; --spec takes one that defines spec()")
        module = module_from_spec(found)
        found.loader.exec_module(module)
        made = module.spec() if hasattr(module, "spec") else getattr(module, "SPEC", None)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except SystemExit:
        raise InputError(f"{path}: it ends the process; spec() has to return a PortSpec") from None
    except Exception as error:
        raise InputError(f"{path}{_line(error, path)}: {in_one_line(error)}") from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    if not isinstance(made, PortSpec):
        raise InputError(
            f"{path}: spec() has to return a PortSpec, or SPEC to be one: "
            "def spec(): return port_spec(…)"
        )
    return made


def _line(error: Exception, path: Path) -> str:
    """The last line of the user's own file on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    return f", line {lines[-1]}" if lines else ""
