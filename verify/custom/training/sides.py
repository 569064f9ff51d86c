"""One training step of anybody's port beside its original: statistics, loss, every gradient."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.layout import Layout
from verify.custom.matching.weights import Row
from verify.custom.module.torch_module import Forward, to_original
from verify.custom.originals.original import OUTPUT
from verify.runners.pytorch import REFUSALS, gradient_or_zeros
from verify.specs.about import About
from verify.specs.spec import Arrays
from verify.specs.training_spec import (
    INPUT_GRADIENT,
    LOSS,
    TrainingBatch,
    TrainingRunner,
    TrainingSpec,
    gradient_of,
)


@dataclass(frozen=True)
class Sides:
    """Both sides, and how the port's tensors are the original's.

    `trainer` makes one of the original in a precision; `trainable` are its variables that training
    changes through gradients, the other `rows` are statistics; `shapes` are those of all.
    """

    trainer: Callable[[str], TrainingRunner]
    trainable: frozenset[str]
    shapes: Mapping[str, tuple[int, ...]]
    module: nn.Module
    forward: Forward
    rows: Sequence[Row]
    input: tuple[str, Layout]
    output: Layout


def training_spec(
    name: str, sides: Sides, batch: np.ndarray, output_shape: tuple[int, ...], batches: int = 3
) -> TrainingSpec:
    """The comparison of training steps, each from the same weights.

    The loss is the sum of what the net returns, each number times a weight of its own: whatever a
    net is for, every output counts, and what gradients it sends back is known exactly.

    Args:
        name: what the report is headed with.
        sides: what is compared.
        batch: the input; further batches are the same numbers, each batch reordered.
        output_shape: of the original's output for it.
        batches: how many steps.
    """
    stopped: dict[str, str] = {}
    draw = np.random.default_rng(0)
    weights = [draw.normal(0, 1, output_shape).astype(np.float32) for _ in range(batches)]
    inputs = [np.roll(batch, index, axis=1) for index in range(batches)]
    steps = [TrainingBatch(*pair) for pair in zip(inputs, weights, strict=True)]
    # Those that lie in several tensors, whole or in blocks, once.
    variables = list(dict.fromkeys(row.variable for row in sides.rows))
    moving = [name for name in variables if name not in sides.trainable]
    trained = [gradient_of(name) for name in variables if name in sides.trainable]
    return TrainingSpec(
        name=f"{name}: training",
        values=[*moving, OUTPUT, LOSS, *reversed(trained), INPUT_GRADIENT],
        original=sides.trainer,
        port=partial(ModuleTrainer, sides, stopped),
        batches=steps,
        input_gradient=INPUT_GRADIENT,
        about=About(
            stopped=stopped,
            remarks={"loss": "sum of weighted outputs", "dropout": "off on both sides"},
        ),
    )


class ModuleTrainer:
    """A copy of the port in training mode; see `TrainingRunner`.

    `stopped` is filled with the message of an error by which the port refused to go on.
    """

    def __init__(self, sides: Sides, stopped: dict[str, str], precision: str) -> None:
        self._sides, self._stopped, self._dtype = sides, stopped, getattr(torch, precision)
        self.module = copy.deepcopy(sides.module).train().to(self._dtype)
        for module in self.module.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
            if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
                module.dropout = 0.0

    def run(self, batch: TrainingBatch) -> Arrays:
        """See `TrainingRunner`."""
        before = copy.deepcopy(self.module.state_dict())
        name, layout = self._sides.input
        x = torch.from_numpy(layout.to_port(batch.clips)).to(self._dtype).requires_grad_()
        weights = torch.from_numpy(self._sides.output.to_port(batch.labels)).to(self._dtype)
        values: Arrays = {}
        # A wrong port may refuse; what it did not compute is reported as missing.
        try:
            output = self._sides.forward(self.module, {name: x})
            loss = (output * weights).sum()
            values = self.statistics()
            values[OUTPUT] = to_original(output, self._sides.output)
            values[LOSS] = loss.detach().numpy()
            loss.backward()
            values |= self._gradients()
            values[INPUT_GRADIENT] = to_original(gradient_or_zeros(x), layout)
        except REFUSALS as error:
            self._stopped["by"] = f"{type(error).__name__}: {error}"
        self.module.zero_grad()
        self.module.load_state_dict(before)
        return values

    def close(self) -> None:
        """See `TrainingRunner`."""
        del self.module

    def statistics(self) -> Arrays:
        """What the module remembers of batches, by the original's names."""
        state = self.module.state_dict()
        # A copy: the module's own are put back.
        return self._by_variable(False, lambda row: state[row.key].clone())

    def rows(self, trained: bool) -> list[Row]:
        """Of the variables that training changes through gradients, or of the statistics."""
        return [
            row for row in self._sides.rows if (row.variable in self._sides.trainable) == trained
        ]

    def _gradients(self) -> Arrays:
        parameters: Mapping[str, nn.Parameter] = dict(self.module.named_parameters())

        def gradient(row: Row) -> Tensor | None:
            parameter = parameters.get(row.key)
            trained = parameter is not None and parameter.requires_grad
            return gradient_or_zeros(parameter) if parameter is not None and trained else None

        found = self._by_variable(True, gradient)
        return {gradient_of(name): array for name, array in found.items()}

    def _by_variable(self, trained: bool, tensor: Callable[[Row], Tensor | None]) -> Arrays:
        """What belongs to each variable, put together of its blocks."""
        found: Arrays = {}
        for row in self.rows(trained):
            whole = tensor(row)
            if whole is None:
                continue
            array = to_original(row.to(whole), row.layout)
            if str(row.of):
                shape = self._sides.shapes[row.variable]
                row.of(found.setdefault(row.variable, np.zeros(shape, array.dtype)))[...] = array
            else:
                found[row.variable] = array
        return found
