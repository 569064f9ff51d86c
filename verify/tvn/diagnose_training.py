"""Which mistake makes a port train otherwise, told by making it in a right port.

The mistakes of `verify.tvn.training_faults` are planted in a right port, the likely places first,
until a step of it computes what a step of the wrong one does. Found ones stay planted, so that
several are peeled off one by one, in the order of computation.
"""

import copy
from contextlib import closing
from itertools import groupby
from operator import itemgetter

from port.convert.names import table
from port.model import TinyVideoNet
from verify.diagnosis.cause import EXPLAINED, UNEXPLAINED, Cause
from verify.diagnosis.training_diagnosis import TrainingDiagnosis
from verify.numerics.compare import difference
from verify.reports.training_report import bound_of
from verify.specs.spec import Arrays
from verify.specs.training_spec import LOGITS, LOSS, TrainingBatch, gradient_of
from verify.tvn.original_training import VIDEO_GRADIENT
from verify.tvn.port_training import TorchTrainer
from verify.tvn.training_faults import FAULTS, TrainingFault
from verify.tvn.training_spec import training_batch, value_names

MOST_CAUSES = 4
# Places are tried from the nearest on, so many at most.
TRIED = 120
# Frames of this size show whatever a step does, and quickly.
SIZE = (32, 37)


def diagnose_training(
    port: TinyVideoNet, right: TinyVideoNet, *, keep_probability: float = 0.5, seed: int = 0
) -> TrainingDiagnosis:
    """Find out why `port` trains otherwise than the original.

    Args:
        port: the net that is wrong.
        right: one as it should be, with the same weights.
        keep_probability: the original's, of dropout.
        seed: of the clips.
    """
    batch = training_batch(right, (2, *SIZE), seed, "softmax", keep_probability)
    with closing(TorchTrainer(port, "float64")) as runner:
        wanted = runner.run(batch)
    with closing(TorchTrainer(copy.deepcopy(right), "float64")) as runner:
        return _Search(runner, batch, wanted).diagnosis()


class _Search:
    """A right port in which mistakes are made, one step of it at a time."""

    def __init__(self, runner: TorchTrainer, batch: TrainingBatch, wanted: Arrays) -> None:
        self._runner, self._batch, self._wanted = runner, batch, wanted
        net = runner.net
        self._names = value_names(net)
        self._places = {path: place for place, (path, _) in enumerate(net.named_modules())}
        self._modules = _modules_of_values(net)

    def diagnosis(self) -> TrainingDiagnosis:
        """What is wrong, one mistake after the other; each stays planted."""
        net, now = self._runner.net, self._runner.run(self._batch)
        left = differing = self._differing(now)
        causes = list[Cause]()
        while left and len(causes) < MOST_CAUSES:
            found = self._best(now, left[0])
            if found is None:
                causes.append(Cause(left[0], UNEXPLAINED, 0.0))
                break
            fault, cause = found
            causes.append(cause)
            fault.plant(fault.site(net, cause.tap))
            now = self._runner.run(self._batch)
            left = self._differing(now)
        return TrainingDiagnosis(differing, causes, left)

    def _best(self, now: Arrays, first: str) -> tuple[TrainingFault, Cause] | None:
        """The mistake with which `first` is as wanted, and what comes behind it, the farthest."""
        reached: dict[tuple[TrainingFault, str], tuple[int, float]] = {}
        for path, faults in groupby(self._candidates(first), key=itemgetter(1)):
            for fault, _ in faults:
                with fault.planted(self._runner.net, path):
                    after = self._runner.run(self._batch)
                if self._agrees(after, first):
                    reached[fault, path] = self._reached(after), self._explained(now, after)
            if any(share >= EXPLAINED for _, share in reached.values()):
                break
        order = sorted(reached, key=reached.__getitem__, reverse=True)
        if not order:
            return None
        (best, place), share = order[0], reached[order[0]][1]
        least = max(share, EXPLAINED)
        equals = [each for each in order[1:] if reached[each][1] >= least]
        also = [
            other.name if path == place else f"{other.name} at {path}" for other, path in equals
        ]
        return best, Cause(place, best.name, share, also=tuple(also))

    def _candidates(self, first: str) -> list[tuple[TrainingFault, str]]:
        """Mistakes and their places, those nearest to where `first` belongs at the front."""
        start = self._places[self._modules[first]]

        def distance(candidate: tuple[TrainingFault, str]) -> tuple[int, int]:
            place = self._places[candidate[1]]
            return abs(place - start), place

        every = ((fault, path) for fault in FAULTS for path in fault.sites(self._runner.net))
        return sorted(every, key=distance)[:TRIED]

    def _reached(self, now: Arrays) -> int:
        """How many values agree before the first that does not."""
        return next((i for i, n in enumerate(self._names) if not self._agrees(now, n)),
                    len(self._names))  # fmt: skip

    def _differing(self, now: Arrays) -> list[str]:
        return [name for name in self._names if not self._agrees(now, name)]

    def _agrees(self, now: Arrays, name: str) -> bool:
        return self._distance(now, name) <= bound_of(name)

    def _distance(self, now: Arrays, name: str) -> float:
        """Of the value's largest magnitude; one that is not there differs by all of it."""
        found, wanted = now.get(name), self._wanted.get(name)
        if found is None or wanted is None:
            return float(found is not wanted)
        return difference(found, wanted).relative

    def _explained(self, now: Arrays, after: Arrays) -> float:
        """The share of what differed that no longer does."""
        was, left = (
            sum(min(self._distance(values, name), 1.0) for name in self._names)
            for values in (now, after)
        )
        return max(1 - left / was, 0.0)


def _modules_of_values(net: TinyVideoNet) -> dict[str, str]:
    """The module that each value of a step belongs to, by its path."""
    owners = {LOGITS: "head", LOSS: "head", VIDEO_GRADIENT: "streams"}
    for row in table(net.genotype, net.num_classes):
        path = row.torch_key.rpartition(".")[0]
        owners |= {row.tf_name: path, gradient_of(row.tf_name): path}
    return owners
