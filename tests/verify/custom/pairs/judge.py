"""What the verifier says of a pair's modules, and whether it is right."""

from collections.abc import Iterator
from dataclasses import dataclass

from port.errors import InputError
from tests.verify.custom.pairs.net import original_of, spec_of
from tests.verify.custom.pairs.pair import LAYER, Pair, Wrong
from verify.diagnosis.verify import verify
from verify.reports.report import Report


@dataclass(frozen=True)
class Judged:
    """One module.

    `said` is what to tell of it; `verdict` whether the verdict is right: a right module passes
    and, if it is to, trains alike, and is found as the layer by a tap; a wrong one fails. `place`:
    the first tap that fails is the layer's. `cause`: the first cause is the one expected. The last
    two are None where nothing was expected.
    """

    module: str
    is_right: bool
    said: str
    verdict: bool
    place: bool | None = None
    cause: bool | None = None


def judged(pair: Pair) -> Iterator[Judged]:
    """Every module of a pair, the right ones first."""
    original = original_of(pair)
    for name, make in pair.right.items():
        level = "training" if pair.trains else "inference"
        try:
            report = verify(spec_of(pair, original, make), level)
        except InputError as error:
            yield Judged(name, True, f"refused: {error}", False)
            continue
        tapped = any(tap.name.startswith(LAYER) for tap in report.taps)
        said = _said(report) if tapped else f"no tap: {report.about.matching}"
        yield Judged(name, True, said, report.passed and tapped)
    for name, wrong in pair.wrong.items():
        yield _judged_wrong(name, wrong, pair, original)


def _judged_wrong(name: str, wrong: Wrong, pair: Pair, original: object) -> Judged:
    try:
        report = verify(spec_of(pair, original, wrong.make))  # type: ignore[arg-type]
    except InputError as error:  # it is told which weights do not fit
        return Judged(name, False, f"refused: {error}", True, None, None)
    place = (report.first_failure or "").startswith(wrong.at)
    cause = None if wrong.cause is None else wrong.cause in _first_cause(report)
    return Judged(name, False, _said(report), not report.passed, place, cause)


def _said(report: Report) -> str:
    diagnosis = "; ".join(report.diagnosis.lines) if report.diagnosis else ""
    failing = [f"{n}: {o.summary}" for n, o in report.further.items() if not o.passed]
    return "passed" if report.passed else f"{report.summary}; {'; '.join(failing)}; {diagnosis}"


def _first_cause(report: Report) -> str:
    causes = report.diagnosis.to_dict()["causes"] if report.diagnosis else []
    return str(causes[0]["cause"]) if causes else ""
