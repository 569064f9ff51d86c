"""The compiled kernel: built once by the C compiler that is there, and kept.

Where there is no compiler, or the processor has no AMX, there is no kernel, and nothing fails: what
asks for it takes PyTorch's own products.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("split_linear.c")
FEATURES = ("amx_tile", "amx_bf16", "avx512f", "avx512bw", "avx512vl", "avx512_bf16")
OPTIONS = ("-O3", "-mamx-tile", "-mamx-bf16", "-mavx512f", "-mavx512bw", "-mavx512vl",
           "-mavx512bf16", "-fopenmp", "-shared", "-fPIC")  # fmt: skip


class Product(ctypes.Structure):
    """One product, as the C source has it: pointers, then sizes, then settings."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "bias", "scale_in", "scale_out", "shift",
                                               "add", "packed", "out")),
        *((name, ctypes.c_long) for name in ("rows", "inputs", "outputs", "rows_per_clip")),
        *((name, ctypes.c_int) for name in ("act", "terms", "threads")),
    )  # fmt: skip


class Convolution(ctypes.Structure):
    """One convolution, as the C source has it; the product's `inputs` are a pixel's channels."""

    _fields_ = (
        ("product", Product),
        *((name, ctypes.c_long) for name in ("images", "height", "width")),
        *((name, ctypes.c_long * 2) for name in ("kernel", "stride", "before")),
        *((name, ctypes.c_long) for name in ("out_height", "out_width")),
        ("scratch", ctypes.c_void_p),
    )


@cache
def load_kernel() -> ctypes.CDLL | None:
    """The kernel, or None where it cannot be had; `why_not` says why."""
    if why_not() is not None:
        return None
    try:
        library = ctypes.CDLL(str(_compiled()))
    except (OSError, subprocess.SubprocessError):
        return None
    if library.request_tiles():  # the system does not grant them
        return None
    long, pointer = ctypes.c_long, ctypes.c_void_p
    library.packed_size.restype = long
    library.packed_size.argtypes = (long, long, ctypes.c_int)
    library.pack.restype = None
    library.pack.argtypes = (pointer, pointer, long, long, ctypes.c_int)
    library.split_linear.argtypes = (pointer,)
    library.scratch_size.restype = long
    library.scratch_size.argtypes = (pointer,)
    library.split_convolution.restype = None
    library.split_convolution.argtypes = (pointer,)
    return library


def why_not() -> str | None:
    """What is missing here for a kernel; None if nothing is known to be."""
    missing = [name for name in FEATURES if name not in _processor_features()]
    if missing:
        return f"the processor has no {missing[0]}"
    if _compiler() is None:
        return "no C compiler is found (gcc or clang)"
    return None


def _processor_features() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return set()
    return set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())


def _compiler() -> str | None:
    asked = os.environ.get("CC")
    return next(filter(None, map(shutil.which, filter(None, (asked, "gcc", "clang")))), None)


def _compiled() -> Path:
    """The library's file, in the user's cache; written whole, under the digest of its source."""
    made_of = SOURCE.read_bytes() + " ".join(OPTIONS).encode()
    name = f"split_linear-{hashlib.sha256(made_of).hexdigest()[:16]}.so"
    folder = _cache_folder()
    library = folder / name
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder) as making:
            made = Path(making) / name
            compiler = _compiler()
            assert compiler is not None
            command = [compiler, *OPTIONS, "-o", str(made), str(SOURCE)]
            subprocess.run(command, check=True, capture_output=True)
            made.replace(library)
    return library


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tvn-port"
