"""Why anybody's port trains otherwise: what its batch norms remember, and what of it is frozen.

A batch norm whose momentum is one remembers a batch's own statistics. Beside them the original's
numbers say which momentum it has, and whether its variances are biased. What was found is then
mended, and the step run again.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from verify.compare import difference
from verify.diagnosis_cause import UNEXPLAINED, Cause, Repair, explained_share
from verify.faults.base import Site, behaves, with_values
from verify.own.training import ModuleTrainer
from verify.spec import Arrays
from verify.training_diagnosis import TrainingDiagnosis
from verify.training_faults import trained
from verify.training_report import GRADIENT_BOUND
from verify.training_spec import TrainingBatch, TrainingSpec, gradient_of

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
    """Find out why a port of `verify.own.port_spec` trains otherwise than the original."""
    batch = spec.batches[0]
    with closing(spec.original("float64")) as original:
        truth = original.run(batch)
    with closing(spec.port("float64")) as port:
        assert isinstance(port, ModuleTrainer)
        return _diagnosed(spec, batch, truth, port)


def _diagnosed(
    spec: TrainingSpec, batch: TrainingBatch, truth: Arrays, port: ModuleTrainer
) -> TrainingDiagnosis:
    found = port.run(batch)
    differing = _differing(spec, truth, found)
    wrong = set(differing)
    mended = [*_norms(port, batch, truth, wrong), *_frozen(port, wrong)]
    with ExitStack() as stack:
        for each in mended:
            stack.callback(each.repair.plant(_site(port, each.path)))
        after = port.run(batch)
    causes = _grouped(
        Cause(each.value, each.repair.name,
              explained_share(*(side.get(each.value) for side in (found, after, truth))))
        for each in mended
    )  # fmt: skip
    left = _differing(spec, truth, after)
    if left and not causes:
        causes = [Cause(differing[0], UNEXPLAINED, 0.0)]
    return TrainingDiagnosis(differing, causes, left, mended=True)


def _differing(spec: TrainingSpec, truth: Arrays, found: Arrays) -> list[str]:
    return [
        name
        for name in spec.values
        if name not in found or not difference(found[name], truth[name]).relative <= GRADIENT_BOUND
    ]


def _norms(
    port: ModuleTrainer, batch: TrainingBatch, truth: Arrays, wrong: set[str]
) -> Iterator[_Mended]:
    """What batch norms remember otherwise."""
    norms: dict[str, dict[str, str]] = {}
    for row in port.rows(trained=False):
        path, _, attribute = row.key.rpartition(".")
        norms.setdefault(path, {})[attribute] = row.variable
    norms = {
        path: names
        for path, names in norms.items()
        if isinstance(port.module.get_submodule(path), _BatchNorm)
        and {MEAN, VARIANCE} <= names.keys()
    }
    before = port.statistics()
    with ExitStack() as stack:
        for path in norms:
            stack.callback(with_values(momentum=lambda _: 1.0)(_site(port, path)))
        batches_own = port.run(batch)
    for path, names in norms.items():
        mean, variance = names[MEAN], names[VARIANCE]
        if not {mean, variance} & wrong:
            continue
        momentum = _multiple(truth[mean] - before[mean], batches_own[mean] - before[mean])
        if not momentum:
            continue
        its = port.module.get_submodule(path).momentum
        if not np.isclose(float(its or 0), momentum, rtol=ONE_NUMBER, atol=0):  # type: ignore[arg-type]
            name = f"momentum {its} instead of {momentum:.6g}"
            yield _Mended(path, mean, Repair(name, with_values(momentum=_always(momentum))))
        wanted = before[variance] + (truth[variance] - before[variance]) / momentum
        share = _multiple(wanted, batches_own[variance])
        if share and abs(share - 1) > GRADIENT_BOUND and (name := _variance(share)):
            yield _Mended(path, variance, Repair(name, behaves(_scaling(share))))


def _frozen(port: ModuleTrainer, wrong: set[str]) -> Iterator[_Mended]:
    parameters = dict(port.module.named_parameters())
    for row in port.rows(trained=True):
        value = gradient_of(row.variable)
        if value in wrong and row.key in parameters and not parameters[row.key].requires_grad:
            path, _, attribute = row.key.rpartition(".")
            yield _Mended(
                path, value, Repair("frozen, its requires_grad is off", trained(attribute, True))
            )


def _variance(share: float) -> str:
    """Of n numbers, the biased variance is the unbiased one's (n - 1) / n; empty if neither."""
    numbers = 1 / abs(1 - share) + (share > 1)
    if abs(numbers - round(numbers)) > 1e-3 * numbers:
        return ""
    kinds = ("unbiased", "biased") if share < 1 else ("biased", "unbiased")
    return f"{kinds[0]} moving variance instead of {kinds[1]}"


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
    """The number that `given` times is `wanted`, if there is one."""
    if wanted.shape != given.shape or not np.square(given).sum() > 0:
        return None
    factor = float((wanted * given).sum() / np.square(given).sum())
    rest = np.abs(wanted - factor * given).max()
    return factor if rest <= ONE_NUMBER * np.abs(wanted).max() else None


def _grouped(causes: Iterator[Cause]) -> list[Cause]:
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
