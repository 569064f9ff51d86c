"""Stages of a torch module as programs of torch.export, as they are or compiled."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import port.taps
from verify.runners.pytorch import StageCall, TorchRunner, to_nhwc
from verify.specs.spec import See, Stage


class ProgramRunner(TorchRunner):
    """A `TorchRunner` whose stages are exported before they run, each with its taps as outputs.

    Args:
        model: see `TorchRunner`.
        calls: see `TorchRunner`.
        precision: see `TorchRunner`.
        prepare: what to do to an exported stage before it runs, such as `torch.compile`.
    """

    def __init__(
        self,
        model: nn.Module,
        calls: Mapping[str, StageCall],
        precision: str,
        prepare: Callable[[nn.Module], Callable[..., Any]] = lambda program: program,
    ) -> None:
        super().__init__(model, calls, precision)
        self._model, self._prepare = model, prepare

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        self._execute(stage, given, {}, see)

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        self._execute(stage, seen, {name: self._tensor(seen[name]) for name in stage.taps}, see)

    @torch.no_grad()
    def _execute(
        self,
        stage: Stage,
        given: Mapping[str, np.ndarray],
        replacements: dict[str, Tensor],
        see: See,
    ) -> None:
        reads = {name: self._tensor(given[name]) for name in stage.reads}
        tapped = {name: self._modules[name] for name in stage.taps}
        module = _StageModule(self._model, self._calls[stage.name], tapped)
        program = torch.export.export(module, (reads, replacements)).module()
        for name, output in self._prepare(program)(reads, replacements).items():
            see(name, to_nhwc(output))


class _StageModule(nn.Module):
    """One stage of `model`, from what it reads to all its taps, which `replacements` replaces."""

    def __init__(self, model: nn.Module, call: StageCall, tapped: dict[str, nn.Module]) -> None:
        super().__init__()
        self.model, self._call, self._tapped = model, call, tapped

    def forward(
        self, reads: dict[str, Tensor], replacements: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        taps: dict[str, Tensor] = {}

        def see(name: str, output: Tensor) -> Tensor | None:
            taps[name] = output
            return replacements.get(name)

        with port.taps.watch(self._tapped, see):
            self._call(reads)
        return taps
