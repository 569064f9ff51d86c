"""Running torch code in float64 that asks for float32 inside, as norms often do on purpose.

To compute in float32 what is fed in float64 rounds by 1e-8, and no function of the original does.
What such code computes in float32 is judged where it runs in float32.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

# Beyond these softplus is a line, up to rounding; torch makes it one from 20 on, in float64 too.
ROUNDS_IN_FLOAT32, ROUNDS_IN_FLOAT64 = 20, 40
CAST = "casts to float32 inside, which is left out in float64"


class WholePrecision(TorchFunctionMode):
    """Within, whoever asks for float32 gets float64, and numbers become such tensors.

    Args:
        note: is called whenever float64 was to become float32.
        dtype: what runs; in any other than float64 nothing changes.
    """

    def __init__(
        self, note: Callable[[], object] = lambda: None, dtype: torch.dtype = torch.float64
    ) -> None:
        super().__init__()
        self._note, self._on = note, dtype == torch.float64

    def __enter__(self) -> Self:
        """Start."""
        self._before = torch.get_default_dtype()
        if self._on:
            torch.set_default_dtype(torch.float64)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        super().__exit__(kind, error, traceback)  # type: ignore[no-untyped-call]
        torch.set_default_dtype(self._before)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call `func`, in float64."""
        kwargs = kwargs or {}
        if not self._on:
            return func(*args, **kwargs)
        single = func is Tensor.float or torch.float32 in (
            each for each in (*args, *kwargs.values()) if isinstance(each, torch.dtype)
        )
        if single:
            if args and isinstance(args[0], Tensor) and args[0].dtype == torch.float64:
                self._note()
            func = Tensor.double if func is Tensor.float else func
            args = tuple(map(_double, args))
            kwargs = {name: _double(each) for name, each in kwargs.items()}
        if func is F.softplus:
            args, kwargs = (), _exact_softplus(*args, **kwargs)
        return func(*args, **kwargs)


def _exact_softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> dict[str, Any]:
    """Its arguments; from where float32 cannot tell it from a line on, float64 still can."""
    exact = ROUNDS_IN_FLOAT64 if threshold >= ROUNDS_IN_FLOAT32 else threshold
    return {"input": input, "beta": beta, "threshold": exact}


def _double(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value == torch.float32 else value
