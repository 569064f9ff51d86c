"""Keras' layers beside torch's, right and wrong: a file a family, each with `PAIRS`."""

from importlib import import_module
from pkgutil import iter_modules

from tests.verify.custom.pairs.pair import Pair


def families() -> dict[str, tuple[Pair, ...]]:
    """Every file's pairs, by its name."""
    modules = {m.name: import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)}
    return {name: module.PAIRS for name, module in modules.items() if hasattr(module, "PAIRS")}
