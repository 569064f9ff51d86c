"""One layer of a port by itself, in float64: its module, what it reads, what it should compute."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.runners.whole_precision import WholePrecision
from verify.specs.spec import ModuleRunner, PortSpec, Stage, StepwiseRunner
from verify.specs.walk import walk


@dataclass(frozen=True)
class LayerView:
    """A layer fed with what the original's float32 layers handed to it, in float64.

    `args` and `kwargs` are what the port's `module` is called with, in torch's layout; `expected`
    is what the original computes, in its own; `seen` is what it reads as a whole, and what its
    layers in front of that do. What a port does between two taps belongs to the second: where a
    module is right by itself, that may be what is wrong. `again` runs the port as a whole for this
    tap, where that can be done; `around` is the module in which its own is, `whole` the port's own;
    `stepwise`: the module works once a step, all of which are the tap.
    """

    tap: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    expected: np.ndarray
    layout: Callable[[Tensor], np.ndarray]
    again: Callable[[], np.ndarray] | None = None
    around: nn.Module | None = None
    whole: nn.Module | None = None
    stepwise: bool = False
    seen: Mapping[str, np.ndarray] = field(default_factory=dict)

    @torch.no_grad()
    def computed(self) -> Any:
        """What the module computes now, whatever was changed in it, as it returns it."""
        args = [_private(value) for value in self.args]
        kwargs = {name: _private(value) for name, value in self.kwargs.items()}
        with WholePrecision():
            return self.module(*args, **kwargs)

    def output(self) -> np.ndarray:
        """The same, comparable to `expected`."""
        if self.again is not None and self.stepwise:
            return self.again()
        return self.layout(self.computed())


def layer_view(spec: PortSpec, tap: str) -> LayerView:
    """Look at the layer of `tap`.

    Raises:
        InputError: the port has no modules, does not get as far as this one, or has no such tap.
    """
    stage = next((stage for stage in spec.stages if tap in stage.taps), None)
    if stage is None:
        raise InputError(f"{spec.name} has no tap {tap!r}")
    with closing(spec.original("float32")) as original:
        walked = walk(spec.stages, spec.inputs, original.run_stage)
        seen = next(step.seen for step in walked if step.stage is stage)
    with closing(spec.original("float64")) as original:
        expected = original.run_layer(tap, seen)
    if expected.dtype.kind != "f":  # such as a mask
        expected = expected.astype(np.float64)
    runner = spec.port("float64")
    if not isinstance(runner, ModuleRunner):
        raise InputError(f"{spec.name} is not run module by module")
    before = stage.taps[: stage.taps.index(tap)]
    module, arguments = runner.module(tap), _arguments(runner, tap, stage, seen)
    in_front = {name: seen[name] for name in (*stage.reads, *before) if name in seen}
    view = LayerView(
        tap,
        module,
        *arguments,
        expected,
        lambda output: np.asarray(runner.to_original(tap, output), np.float64),
        seen=in_front,
    )
    if not isinstance(runner, StepwiseRunner):
        return view
    again = partial(runner.run_tap, tap, stage, seen)
    return replace(
        view,
        again=again,
        around=runner.around(tap),
        whole=runner.whole,
        stepwise=runner.goes_by_steps(tap),
    )


def _arguments(
    runner: ModuleRunner, tap: str, stage: Stage, seen: dict[str, np.ndarray]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the module of `tap` is called with when it is this tap that it computes."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    found: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        private = tuple(_private(value) for value in args)
        calls.append((private, {name: _private(value) for name, value in kwargs.items()}))

    def see(name: str, _: np.ndarray) -> None:
        if name == tap:
            found.append(calls[-1])

    hook = runner.module(tap).register_forward_pre_hook(before, with_kwargs=True)
    try:
        runner.run_layers(stage, seen, see)
    finally:
        hook.remove()
    if not found:
        raise InputError(f"the port does not get as far as {tap!r}")
    return found[0]


def _private(value: Any) -> Any:
    """A copy of a tensor, which the module may change in place."""
    return value.clone() if isinstance(value, Tensor) else value
