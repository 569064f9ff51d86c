"""Level training of anybody's port: a comparison that must not depend on what is drawn."""

from collections.abc import Mapping
from contextlib import closing

from port.errors import InputError
from verify.diagnosis.plan import Judge
from verify.engine.comparer import Comparer
from verify.numerics.compare import difference
from verify.reports.training_report import TrainingReport
from verify.specs.training_spec import TrainingSpec

# Of a value: what two runs of the same step in float64 may differ by.
STEADY = 1e-6


def judges_of_training(name: str, training: TrainingSpec | None) -> Mapping[str, Judge]:
    """What level training judges besides every layer.

    Raises:
        InputError: the port cannot be trained beside its original.
    """
    if training is None:
        raise InputError(
            f"{name}: level training is for originals of which weights are trained; "
            "leave --level out"
        )

    def judge(comparer: Comparer) -> TrainingReport:
        report = comparer.train(training)
        if not report.passed:
            _refuse_random(name, training)
        return report

    return {"training": judge}


def _refuse_random(name: str, training: TrainingSpec) -> None:
    """A side that draws numbers cannot be compared.

    Raises:
        InputError: the same step gives other values each time.
    """
    for side, make in (("original", training.original), ("port", training.port)):
        with closing(make("float64")) as runner:
            first, second = (runner.run(training.batches[0]) for _ in range(2))
        differ = (
            value
            for value in training.values
            if value in first and value in second
            if difference(second[value], first[value]).relative > STEADY
        )
        if (value := next(differ, None)) is not None:
            raise InputError(
                f"{name}: not compared in training, since the {side} draws random numbers "
                f"({value} differs each time) other than by dropout or normal noise; give "
                "a model that draws none"
            )
