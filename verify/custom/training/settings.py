"""What is set otherwise for training: dropout, noise, penalties. It is told, not tried."""

from collections.abc import Collection, Iterator

from verify.custom.originals.drawn import DROPOUT, NOISE, told_dropouts
from verify.diagnosis.cause import Cause
from verify.specs.spec import Arrays
from verify.specs.training_spec import PENALTY

NO_PENALTY = (
    "the original's layers add {:.6g} to the loss, and the port's penalty is not said: give "
    "penalty=lambda port: …"
)


def causes_of_settings(wrong: Collection[str], found: Arrays, truth: Arrays) -> Iterator[Cause]:
    """Of the values that differ, those that are settings."""
    if DROPOUT in wrong and DROPOUT in found:
        its, theirs = told_dropouts(found[DROPOUT]), told_dropouts(truth[DROPOUT])
        yield Cause(DROPOUT, f"{its} instead of {theirs}", 1.0)
    if NOISE in wrong and NOISE in found:
        yield Cause(NOISE, "none" if truth[NOISE].any() else "the original has none", 1.0)
    if PENALTY in wrong:
        if PENALTY in found:
            name = f"{found[PENALTY]:.6g} instead of {truth[PENALTY]:.6g}"
        else:
            name = NO_PENALTY.format(truth[PENALTY])
        yield Cause(PENALTY, name, 1.0)
