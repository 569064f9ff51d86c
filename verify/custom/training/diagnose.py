"""Why anybody's port trains otherwise: what its batch norms remember, and what of it is frozen.

A batch norm whose momentum is one remembers a batch's own statistics. Beside them the original's
numbers say which momentum it has, and whether its variances are biased. What was found is then
mended, and the step run again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from verify.custom.training.settings import causes_of_settings
from verify.custom.training.sides import ModuleTrainer
from verify.diagnosis.cause import UNEXPLAINED, WORTH_NAMING, Cause, Repair, explained_share
from verify.diagnosis.fault import Site, behaves, trained, with_values
from verify.diagnosis.training_diagnosis import TrainingDiagnosis
from verify.engine.training import largest_gradient, unit_of
from verify.numerics.compare import difference
from verify.reports.training_report import bound_of
from verify.specs.spec import Arrays
from verify.specs.training_spec import NetBatch, TrainingSpec, gradient_of, trainable

MEAN, VARIANCE = "running_mean", "running_var"
# Numbers that are one but for rounding, as shares.
ONE_NUMBER = 1e-6


@dataclass(frozen=True, slots=True)
class _Mended:
    """A repair of the module at `path`, which is to make `value` the original's."""

    path: str
    value: str
    repair: Repair


def diagnose_own_training(spec: TrainingSpec) -> TrainingDiagnosis:
    """Find out why a port of `verify.custom.port_spec` trains otherwise than the original."""
    batch = spec.batches[0]
    with closing(spec.original("float64")) as original:
        truth = original.run(batch)
    with closing(spec.port("float64")) as port:
        assert isinstance(port, ModuleTrainer)
        return _diagnosed(spec, batch, truth, port)


def _diagnosed(
    spec: TrainingSpec, batch: NetBatch, truth: Arrays, port: ModuleTrainer
) -> TrainingDiagnosis:
    found = port.run(batch)
    differing = _differing(spec, truth, found)
    wrong = set(differing)
    mended = [*_norms(port, batch, truth, wrong), *_frozen(port, wrong)]
    said = list(causes_of_settings(wrong, found, truth))
    with ExitStack() as stack:
        for each in mended:
            stack.callback(each.repair.plant(_site(port, each.path)))
        after = port.run(batch) | {cause.tap: truth[cause.tap] for cause in said}
    causes = [
        Cause(each.value, each.repair.name,
              explained_share(*(side.get(each.value) for side in (found, after, truth))))
        for each in mended
    ]  # fmt: skip
    causes = [*said, *_grouped([cause for cause in causes if cause.explained >= WORTH_NAMING])]
    if differing and not causes:
        causes = [Cause(differing[0], UNEXPLAINED, 0.0)]
    return TrainingDiagnosis(differing, causes, _differing(spec, truth, after), mended=True)


def _differing(spec: TrainingSpec, truth: Arrays, found: Arrays) -> list[str]:
    """The values that differ, measured as `verify.engine.training` does."""
    largest = largest_gradient(spec, truth)

    def agrees(name: str) -> bool:
        error = difference(found[name], truth[name])
        return error.maximum <= bound_of(name) * unit_of(spec, name, error.scale, largest)

    return [name for name in spec.values if name not in found or not agrees(name)]


def _norms(
    port: ModuleTrainer, batch: NetBatch, truth: Arrays, wrong: set[str]
) -> Iterator[_Mended]:
    """What batch norms remember otherwise."""
    before, (own, counts) = port.statistics(), _of_batch(port, batch)
    for path, names in _variables_of_norms(port).items():
        mean, variance = names[MEAN], names[VARIANCE]
        if not {mean, variance} & wrong or path not in counts or mean not in own:
            continue
        momentum = _multiple(truth[mean] - before[mean], own[mean] - before[mean])
        if momentum is None or not 0 <= momentum <= 1:
            continue
        its: float | None = port.module.get_submodule(path).momentum  # type: ignore[assignment]
        if its is None or abs(its - momentum) > ONE_NUMBER * momentum:
            name = f"momentum {its} instead of {momentum:.6g}"
            yield _Mended(path, mean, Repair(name, with_values(momentum=_always(momentum))))
        if momentum > 0:
            wanted = before[variance] + (truth[variance] - before[variance]) / momentum
            if repair := _variance(wanted, own[variance], counts[path]):
                yield _Mended(path, variance, repair)


def _variables_of_norms(port: ModuleTrainer) -> dict[str, dict[str, str]]:
    """The variables that each batch norm's statistics are, by its path."""
    norms: dict[str, dict[str, str]] = {}
    for row in port.rows(trained=False):
        path, _, attribute = row.key.rpartition(".")
        if isinstance(port.module.get_submodule(path), _BatchNorm):
            norms.setdefault(path, {})[attribute] = row.variable
    return {path: names for path, names in norms.items() if {MEAN, VARIANCE} <= names.keys()}


def _of_batch(port: ModuleTrainer, batch: NetBatch) -> tuple[Arrays, dict[str, int]]:
    """What batch norms remember of a batch alone, and of how many numbers a channel."""
    counts: dict[str, int] = {}

    def counting(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            counts[path] = inputs[0].numel() // inputs[0].shape[1]

        return count

    with ExitStack() as stack:
        for path in _variables_of_norms(port):
            site = _site(port, path)
            stack.callback(with_values(momentum=_always(1.0))(site))
            stack.callback(site.module.register_forward_pre_hook(counting(path)).remove)
        return port.run(batch), counts


def _frozen(port: ModuleTrainer, wrong: set[str]) -> Iterator[_Mended]:
    """What one side trains and the other does not."""
    parameters = dict(port.module.named_parameters())
    names = {
        True: (gradient_of, "frozen, its requires_grad is off"),
        False: (trainable, "trained, though the original's layer is frozen"),
    }
    for is_trained, (value_of, name) in names.items():
        for row in port.rows(is_trained):
            value, parameter = value_of(row.variable), parameters.get(row.key)
            if value in wrong and parameter is not None and parameter.requires_grad != is_trained:
                path, _, attribute = row.key.rpartition(".")
                yield _Mended(path, value, Repair(name, trained(attribute, is_trained)))


def _variance(wanted: np.ndarray, own: np.ndarray, count: int) -> Repair | None:
    """Of n numbers, the biased variance is the unbiased one's (n - 1) / n."""
    if count < 2:
        return None
    for share, kinds in (
        ((count - 1) / count, ("unbiased", "biased")),
        (count / (count - 1), ("biased", "unbiased")),
    ):
        if np.abs(wanted - share * own).max() <= 1e-3 / count * np.abs(wanted).max():
            name = f"{kinds[0]} moving variance instead of {kinds[1]}"
            return Repair(name, behaves(_scaling(share)))
    return None


def _scaling(share: float) -> Callable[..., Tensor]:
    def scaled(module: nn.BatchNorm2d, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        """Remember `share` times the variance that it would."""
        assert module.running_var is not None and module.momentum
        before = module.running_var.clone()
        y = right(x)
        if module.training:
            own = before + (module.running_var - before) / module.momentum
            # Past the version count: the backward pass of a training step does not read it.
            module.running_var.data.copy_(before + (share * own - before) * module.momentum)
        return y

    return scaled


def _always(value: float) -> Callable[[Any], float]:
    return lambda _: value


def _multiple(wanted: np.ndarray, given: np.ndarray) -> float | None:
    """The number that `given` times is `wanted`, if there is one; of one number alone there is."""
    if wanted.shape != given.shape or wanted.size < 2 or not np.square(given).sum() > 0:
        return None
    factor = float((wanted * given).sum() / np.square(given).sum())
    rest = np.abs(wanted - factor * given).max()
    return factor if rest <= ONE_NUMBER * np.abs(wanted).max() else None


def _grouped(causes: Sequence[Cause]) -> list[Cause]:
    """One for all places that the same mistake is made in."""
    groups: dict[str, list[Cause]] = {}
    for cause in causes:
        groups.setdefault(cause.name, []).append(cause)
    return [
        replace(
            group[0],
            explained=min(cause.explained for cause in group),
            detail=f"and at {len(group) - 1} more" if group[1:] else "",
        )
        for group in groups.values()
    ]


def _site(port: ModuleTrainer, path: str) -> Site:
    return Site(port.module, path, port.module.get_submodule(path))
