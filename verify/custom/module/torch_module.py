"""Anybody's torch module as a runner: what it is made of is watched, and outputs replaced."""

import copy
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.layouts.arguments import arranged
from verify.custom.layouts.layout import Layout
from verify.custom.module.constants import MovedConstants
from verify.custom.module.operations import is_operation
from verify.custom.module.outputs import first_tensor, named_tensors, with_first
from verify.custom.module.steps import Steps
from verify.custom.module.watch import between_of, watch
from verify.custom.originals.original import is_output
from verify.runners.whole_precision import WholePrecision
from verify.specs.spec import See, Stage

# Calls the module on its inputs by name and returns its outputs: a tensor, or a structure of them.
Forward = Callable[[nn.Module, Mapping[str, Tensor]], Any]


def forward(module: nn.Module, inputs: Mapping[str, Tensor]) -> Any:
    """The module called with its inputs, by the names of its arguments or in their order."""
    args, kwargs = arranged(module.forward, inputs)
    return module(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tap is found in the port: after which module's work, and in what layout.

    `steps`: of a module that works once a step, such as `cell#*`, how many steps there are;
    `output`: of what the whole port returns, the name of a tensor in it.
    """

    module: str
    layout: Layout
    output: str = ""
    steps: int = 0


@dataclass(frozen=True)
class ModulePort:
    """Makes runners of copies of `module`, which itself stays as it is.

    `inputs` are the layouts of the inputs by name; `stopped` is filled with the message of an
    error that kept the port from computing all of its taps.
    """

    module: nn.Module
    places: Mapping[str, Place]
    inputs: Mapping[str, Layout]
    forward: Forward = forward
    stopped: dict[str, str] = field(default_factory=dict)

    def __call__(self, precision: str) -> "ModulePortRunner":
        """A runner in `float64` or `float32`."""
        return ModulePortRunner(self, precision)


class ModulePortRunner:
    """Runs a copy of a port in one precision; see `verify.specs.spec.ModuleRunner`."""

    def __init__(self, port: ModulePort, precision: str) -> None:
        self._port, self._dtype = port, getattr(torch, precision)
        self._module = copy.deepcopy(port.module).to(self._dtype)
        self._constants = MovedConstants(self._module)
        self._taps = {place.module: tap for tap, place in port.places.items()}
        self._between = between_of(self._taps)

    @property
    def has_rounded_constants(self) -> bool:
        """See `verify.specs.spec.RoundedConstants`."""
        return bool(self._constants)

    def move_constants(self, seed: int) -> None:
        """See `verify.specs.spec.RoundedConstants`."""
        self._constants.move(seed)

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        self._run(stage, given, see, {})

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        instead = {tap: seen[tap] for tap in stage.taps if not is_output(tap)}
        stepwise = {tap for tap in instead if self._port.places[tap].steps}
        for tap in stepwise:  # by itself it goes on with its own steps
            with suppress(InputError):
                see(tap, self.run_tap(tap, stage, seen))

        def see_others(tap: str, value: np.ndarray) -> None:
            if tap not in stepwise:
                see(tap, value)

        self._run(stage, seen, see_others, instead)

    def run_tap(self, tap: str, stage: Stage, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `verify.specs.spec.StepwiseRunner`.

        Raises:
            InputError: the port does not get as far.
        """
        found: dict[str, np.ndarray] = {}
        others = {name: seen[name] for name in stage.taps if not is_output(name) and name != tap}
        stopped = dict(self._port.stopped)
        self._run(stage, seen, found.__setitem__, others)
        self._port.stopped.clear()  # of the run as a whole it is told, not of this part
        self._port.stopped.update(stopped)
        if tap not in found:
            raise InputError(f"the port does not get as far as {tap!r}")
        return found[tap]

    def module(self, tap: str) -> nn.Module:
        """See `verify.specs.spec.ModuleRunner`; the whole port for its output."""
        place = self._port.places[tap].module if tap in self._port.places else ""
        operation = self._between.known.get(place)
        return operation or self._module.get_submodule(path_of(place))

    def goes_by_steps(self, tap: str) -> bool:
        """See `verify.specs.spec.StepwiseRunner`."""
        return self._port.places[tap].steps > 0

    def to_original(self, tap: str, output: Any) -> np.ndarray:
        """See `verify.specs.spec.ModuleRunner`."""
        place = self._port.places[tap]
        tensor = first_tensor(output)
        if is_output(tap) and not isinstance(output, Tensor):
            tensor = named_tensors(output)[place.output]
        assert tensor is not None, f"{tap} puts out no tensor"
        return to_original(tensor, place.layout)

    def around(self, tap: str) -> nn.Module:
        """See `verify.specs.spec.StepwiseRunner`."""
        path = path_of(self._port.places[tap].module)
        if is_operation(self._port.places[tap].module):
            return self._module
        return self._module.get_submodule(path.rpartition(".")[0])

    @property
    def whole(self) -> nn.Module:
        """See `verify.specs.spec.StepwiseRunner`."""
        return self._module

    def close(self) -> None:
        """See `PortRunner`."""
        del self._module

    @torch.no_grad()
    def _run(
        self,
        stage: Stage,
        given: Mapping[str, np.ndarray],
        see: See,
        replacements: Mapping[str, np.ndarray],
    ) -> None:
        raised: list[Exception] = []

        def tell(tap: str, output: Tensor) -> None:
            try:
                see(tap, to_original(output, self._port.places[tap].layout))
            except Exception as error:  # no mistake of the port's, whatever it is
                raised.append(error)
                raise

        steps = steps_of(self._port.places)

        first: dict[str, tuple[str, int]] = {}  # by path the tap, and what it computed

        def watched(place: str, module: nn.Module, output: Any) -> Any:
            tensor = first_tensor(output)
            step = None if tensor is None else steps.see(path_of(place), tensor)
            tap = self._taps.get(step.place if step else place)
            if tap is None or tap not in stage.taps or tensor is None:
                # The same once more is the same layer at work, which the original may run once.
                again, computed = first.get(path_of(place), ("", 0))
                if not again or tensor is None or _digest(tensor) != computed:
                    return None
                layout = self._port.places[again].layout
                return with_first(module, output, self._tensor(replacements[again], layout))
            if (told := step.sequence if step else tensor) is not None:
                tell(tap, told)
            if tap not in replacements:
                return None
            whole = self._tensor(replacements[tap], self._port.places[tap].layout)
            if step is None:
                first.setdefault(path_of(place), (tap, _digest(tensor)))
            return with_first(module, output, whole[:, step.index] if step else whole)

        inputs = {n: self._tensor(given[n], layout) for n, layout in self._port.inputs.items()}
        try:
            with (
                watch(self._module, watched, between=self._between),
                WholePrecision(dtype=self._dtype),
            ):
                returned = named_tensors(self._port.forward(self._module, inputs))
        except Exception as error:  # what is missing is reported as not computed
            if error in raised:
                raise
            self._port.stopped["by"] = f"{type(error).__name__}: {error}"
        else:
            for tap in filter(is_output, stage.taps):
                if (name := self._port.places[tap].output) in returned:
                    tell(tap, returned[name])

    def _tensor(self, array: np.ndarray, layout: Layout) -> Tensor:
        tensor = torch.from_numpy(layout.to_port(array))
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor


def steps_of(places: Mapping[str, Place]) -> Steps:
    """Collects the taps of modules that work once a step."""
    return Steps((place.module, place.steps) for place in places.values() if place.steps)


def _digest(tensor: Tensor) -> int:
    return zlib.crc32(np.ascontiguousarray(tensor.detach().numpy()).tobytes())


def path_of(place: str) -> str:
    """The path of the module of a place."""
    return place.partition("#")[0]


def to_original(tensor: Tensor, layout: Layout) -> np.ndarray:
    """A tensor in the original's layout; as it is, if its shape is no such one."""
    array = tensor.detach().numpy()
    try:
        return layout.to_original(array)
    except InputError:
        return array.copy()


def is_torchs_own(module: nn.Module) -> bool:
    """Is it a layer of torch's, or one that is derived from such?"""
    kinds = [kind.__module__ for kind in type(module).__mro__ if kind is not nn.Module]
    return any(k.startswith("torch.nn.modules.") and "container" not in k for k in kinds)
