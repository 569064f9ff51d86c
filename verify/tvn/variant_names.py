"""What the variants of the port are called. Apart from what makes them, which imports PyTorch."""

from collections.abc import Sequence
from importlib.util import find_spec

from port.errors import InputError

BFLOAT16 = "bfloat16"  # judged in a way of its own
NAMES = (
    "onnx",
    "onnx_whole",
    "channels_last",
    "folded",
    "optimized",
    "exported",
    "compiled",
    BFLOAT16,
)


def list_variants(names: Sequence[str], level: str) -> tuple[str, ...]:
    """The variants asked for, once each; the level `full` asks for all.

    Raises:
        InputError: there is no such variant, or what it runs in is not installed.
    """
    wanted = (*names, *(NAMES if level == "full" else ()))
    for name in wanted:
        if name not in NAMES:
            raise InputError(f"--also={name}: no such variant; there are {', '.join(NAMES)}")
        if name.startswith("onnx") and find_spec("onnxruntime") is None:
            raise InputError(f"--also={name} needs onnxruntime: pip install 'tvn-port[onnx]'")
    return tuple(dict.fromkeys(wanted))
