"""A trained net rewritten for inference: the same function, faster.

Exact algebra first, one pass a file; then products by the fastest units that the machine has.
`port.optimize(net)` does it all: this package can be called, for its name is also the function's.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from port.optimize.optimize import optimize

        return optimize(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
