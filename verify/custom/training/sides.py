"""One training step of anybody's port beside its original: statistics, loss, every gradient."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.layouts.layout import Layout
from verify.custom.matching.weights import Row
from verify.custom.module.compiled import duplicate
from verify.custom.module.constants import MovedConstants
from verify.custom.module.outputs import named_tensors
from verify.custom.module.randomness import quiet
from verify.custom.module.torch_module import Forward, Place, to_original
from verify.custom.originals.drawn import DROPOUT, NOISE
from verify.runners.pytorch import gradient_or_zeros
from verify.runners.whole_precision import WholePrecision
from verify.specs.about import About
from verify.specs.spec import Arrays
from verify.specs.training_spec import (
    INPUT_GRADIENT,
    LOSS,
    PENALTY,
    NetBatch,
    TrainingRunner,
    TrainingSpec,
    gradient_of,
    gradients_of_inputs,
    trainable,
)

# What the port adds to the loss.
Penalty = Callable[[nn.Module], Tensor | float]
# Of what either side returns, one number.
Losses = tuple[Callable[[Any], Any], Callable[[Any], Any]]


@dataclass(frozen=True)
class Sides:
    """Both sides, and how the port's tensors are the original's.

    `trainer` makes one of the original in a precision; `trainable` are its variables that training
    changes through gradients, the other `rows` are statistics; `shapes` are those of all.
    `learns_statistics`: the original has a training mode, in which batch norms use their batch;
    `has_training_mode`: the port has one.
    `penalised`: the original's layers add to the loss; `penalty`: what the port adds; `losses`:
    the user's own, of what each side returns, the original's first.
    """

    trainer: Callable[..., TrainingRunner]
    trainable: frozenset[str]
    shapes: Mapping[str, tuple[int, ...]]
    module: nn.Module
    forward: Forward
    rows: Sequence[Row]
    inputs: Mapping[str, Layout]
    outputs: Mapping[str, Place]
    learns_statistics: bool = True
    has_training_mode: bool = True
    penalised: bool = False
    penalty: Penalty | None = None
    losses: Losses | None = None


def training_spec(
    name: str,
    sides: Sides,
    inputs: Arrays,
    outputs: Arrays,
    batches: int = 3,
) -> TrainingSpec:
    """The comparison of training steps, each from the same weights.

    The loss is the sum of what the net returns, each number times a weight of its own: whatever a
    net is for, every output counts, and what gradients it sends back is known exactly.

    Args:
        name: what the report is headed with.
        sides: what is compared.
        inputs: by name; further batches are the same numbers, each batch reordered.
        outputs: the original's for it by tap; whole numbers are no part of the loss.
        batches: how many steps.
    """
    if sides.penalty is not None and not sides.learns_statistics:
        raise InputError("penalty: a graph or function says none of its own; leave it out")
    if sides.losses is not None and not sides.learns_statistics:
        raise InputError(
            "loss: a graph or function is compared by its gradients alone; leave it out"
        )
    stopped: dict[str, str] = {}
    draw = np.random.default_rng(0)
    floats = [tap for tap, value in outputs.items() if value.dtype.kind == "f"]
    # Along the features, and else whole samples: a step that is masked stays where it is.
    by_feature = all(
        a.dtype.kind == "f" and a.ndim > 2 and a.shape[-1] > 1 for a in inputs.values()
    )
    steps = []
    for index in range(batches):
        weights = {t: draw.normal(0, 1, outputs[t].shape).astype(np.float32) for t in floats}
        rolled = {
            n: np.roll(a, index, -1 if by_feature else 0) if a.ndim else a
            for n, a in inputs.items()
        }
        steps.append(NetBatch(rolled, weights, penalised=sides.penalty is not None))
    # Those that lie in several tensors, whole or in blocks, once.
    variables = list(dict.fromkeys(row.variable for row in sides.rows))
    moving = [name for name in variables if name not in sides.trainable]
    trained = [gradient_of(name) for name in variables if name in sides.trainable]
    parameters = dict(sides.module.named_parameters())
    frozen = [row.variable for row in sides.rows if row.key in parameters]
    settings = [trainable(name) for name in dict.fromkeys(frozen) if name in moving]
    settings = [*settings, DROPOUT, NOISE] if sides.learns_statistics else []
    penalty = [PENALTY] if sides.penalised or sides.penalty else []
    unmatched = [name for name in sides.trainable if name not in variables]
    return TrainingSpec(
        name=f"{name}: training",
        values=[
            *(*moving, *floats, *settings, *penalty, LOSS),
            *(*reversed(trained), *gradients_of_inputs(inputs).values()),
        ],
        original=sides.trainer
        if sides.losses is None
        else partial(sides.trainer, loss=sides.losses[0]),
        port=partial(ModuleTrainer, sides, stopped),
        batches=steps,
        input_gradient=INPUT_GRADIENT,
        about=About(
            stopped=stopped,
            notes=[f"gradient not compared, no tensor is known: {n}" for n in sorted(unmatched)],
            remarks={
                "loss": "sum of weighted outputs" if sides.losses is None else "the user's own",
                "dropout": "off on both sides",
                **({} if sides.learns_statistics else {"batch norms": "as in inference"}),
            },
        ),
    )


class ModuleTrainer:
    """A copy of the port in training mode; see `TrainingRunner`.

    `stopped` is filled with the message of an error by which the port refused to go on.
    """

    def __init__(self, sides: Sides, stopped: dict[str, str], precision: str) -> None:
        self._sides, self._stopped, self._dtype = sides, stopped, getattr(torch, precision)
        if sides.learns_statistics and not sides.has_training_mode:
            raise InputError(
                "training: a traced or exported port has no training mode; give the module it was "
                "made of, or leave --level out"
            )
        module = duplicate(sides.module)
        self.module = (module.train() if sides.learns_statistics else module).to(self._dtype)
        self._constants = MovedConstants(self.module)

    @property
    def has_rounded_constants(self) -> bool:
        """See `verify.specs.spec.RoundedConstants`."""
        return bool(self._constants)

    def move_constants(self, seed: int) -> None:
        """See `verify.specs.spec.RoundedConstants`."""
        self._constants.move(seed)

    def run(self, batch: NetBatch) -> Arrays:
        """See `TrainingRunner`."""
        before = copy.deepcopy(self.module.state_dict())
        inputs = {n: self._tensor(a, self._sides.inputs[n]) for n, a in batch.inputs.items()}
        fed = {n: inputs[n].requires_grad_() for n in gradients_of_inputs(batch.inputs)}
        values: Arrays = {}
        # A wrong port may refuse; what it did not compute is reported as missing.
        try:
            with quiet(self.module) as drawn:
                loss, outputs = self._loss(inputs, batch.weights)
            values = self.statistics() | outputs
            if self._sides.learns_statistics:  # else there is nothing on the other side
                values |= drawn.values | self._trained()
            if self._sides.penalty is not None:
                penalty = torch.as_tensor(self._sides.penalty(self.module), dtype=self._dtype)
                loss = loss + penalty
                values[PENALTY] = penalty.detach().numpy()
            values[LOSS] = loss.detach().numpy()
            loss.backward()
            values |= self._gradients()
            for name, value in gradients_of_inputs(batch.inputs).items():
                gradient = gradient_or_zeros(fed[name])
                values[value] = to_original(gradient, self._sides.inputs[name])
        except Exception as error:
            self._stopped["by"] = f"{type(error).__name__}: {error}"
        self.module.zero_grad()
        self.module.load_state_dict(before)
        return values

    def _loss(self, inputs: Mapping[str, Tensor], weights: Arrays) -> tuple[Tensor, Arrays]:
        """The sum of weighted outputs, and those."""
        own: Any = None
        with WholePrecision(dtype=self._dtype):
            structure = self._sides.forward(self.module, inputs)
            returned = named_tensors(structure)
            if self._sides.losses is not None:
                own = torch.as_tensor(self._sides.losses[1](structure))
        loss, outputs = torch.zeros((), dtype=self._dtype), Arrays()
        for tap, its in weights.items():
            place = self._sides.outputs[tap]
            if place.output not in returned:
                raise ValueError(f"the port returns no {place.output} in training")
            loss = loss + (returned[place.output] * self._tensor(its, place.layout)).sum()
            outputs[tap] = to_original(returned[place.output], place.layout)
        return (loss if own is None else own), outputs

    def _trained(self) -> Arrays:
        """Of parameters that are frozen in the original, whether the port trains them."""
        parameters = dict(self.module.named_parameters())
        trained: Arrays = {}
        for row in self.rows(trained=False):
            if row.key in parameters:
                before = trained.get(trainable(row.variable), np.zeros(1))
                trained[trainable(row.variable)] = before + parameters[row.key].requires_grad
        return {name: np.minimum(count, 1) for name, count in trained.items()}

    def _tensor(self, array: np.ndarray, layout: Layout) -> Tensor:
        tensor = torch.from_numpy(layout.to_port(array))
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor

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
        parameters: Mapping[str, nn.Parameter] = dict(
            self.module.named_parameters(remove_duplicate=False)
        )

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
