"""What went wrong, as an exit status and one line."""

import errno
import os
from collections.abc import Iterator

from port.address_space import require_address_space
from port.errors import InputError
from tvn_cli.process.shadowing import OWN, shadowed
from tvn_cli.process.streams import OutputError

REFUSED = 2  # the request or the input is bad, or the machine lacks what it takes
BROKEN_PIPE = 128 + 13  # what shells report for a program that wrote to nobody
MISTAKE = 70  # a mistake in tvn itself; a status of 1 would say that a check failed

# The extra that brings a package, by the name under which it is imported.
EXTRAS = {
    "av": "train",
    "matplotlib": "train",
    "PIL": "train",
    "tensorboardX": "train",
    "einops": "verify",
    "keras": "verify",
    "tensorflow": "verify",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "openvino": "benchmark",
    "tf2onnx": "benchmark",
    "transformers": "examples",
}
OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE,
    errno.EIO, errno.ENOMEM, errno.ENAMETOOLONG, errno.ELOOP, errno.ESTALE,
}  # fmt: skip
NO_MEMORY = (
    "can't allocate memory",  # PyTorch
    "cannot allocate memory",  # the system
    "failed to map segment from shared object",  # the loader of libraries
    "std::bad_alloc",  # C++
    "can't start new thread",  # Python
)
# Address space that Python, PyTorch and their libraries take before a net is even built. Where
# there is less, libraries end the process by themselves, in words of their own.
LEAST_ADDRESS_SPACE = 1 << 30


def refusal(verb: str, error: BaseException) -> str | None:
    """The line for an error that speaks of the request, the input or the machine, else None."""
    if isinstance(error, InputError) or type(error).__module__.startswith("absl.flags"):
        return str(error)
    chain = list(_chain(error))
    for each in chain:
        if line := shadowed(each):
            return line
    if any(_is_of_memory(each) for each in chain):
        return "out of memory; give it more, or less to do at a time"
    for each in chain:
        if isinstance(each, ModuleNotFoundError) and (line := _missing(verb, each.name or "")):
            return line
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        what = f"{error.filename}: " if error.filename is not None else ""
        return f"{what}{error.strerror}"
    return None


def unwritten(error: OutputError) -> tuple[int, str]:
    """Status and line for standard output that takes no more."""
    if error.code == errno.EPIPE:
        return BROKEN_PIPE, "stopped, since nobody reads standard output any more"
    if error.code == errno.EBADF:
        return REFUSED, "standard output is closed; send it to a file or to /dev/null"
    return REFUSED, f"standard output cannot be written ({error})"


def unfit_surroundings() -> str | None:
    """The line for a process that had better not begin."""
    try:
        require_address_space(LEAST_ADDRESS_SPACE, "PyTorch")
        os.getcwd()  # noqa: PTH109
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"the working folder cannot be read ({error.strerror}); start from one that is there"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those it came from."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        yield following
        seen.append(following)
        following = following.__cause__ or following.__context__


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower() if isinstance(error, RuntimeError | ImportError | OSError) else ""
    return any(words.lower() in text for words in NO_MEMORY)


def _missing(verb: str, name: str) -> str | None:
    """The line for a package that is not installed; None for a part of our own."""
    package = name.partition(".")[0]
    if extra := EXTRAS.get(package):
        return f"tvn {verb} needs {package}: pip install 'tvn-port[{extra}]'"
    if package in OWN or not package:
        return None
    return f"tvn {verb} needs {package}, which is not installed: pip install tvn-port"
