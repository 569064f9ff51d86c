"""Why a port fails: is it a bug or rounding, in which layers, which mistakes, and is that all.

Two ways lead to a mistake's name. Who knows more of a port than that it differs gives a search of
his own: with a right layer to compare with, known mistakes can be planted in it until it computes
what the wrong one does. Where there is none, or it finds nothing, as in anybody's port, the wrong
layer is changed until it computes what the original does (`try_repairs`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from port.errors import InputError
from verify.diagnosis.amplification import Amplification, amplification, steepest
from verify.diagnosis.cause import UNEXPLAINED, Cause
from verify.diagnosis.fault import Plant, Site
from verify.diagnosis.layer_view import layer_view
from verify.diagnosis.try_repairs import Further, mending
from verify.engine.inference import compare_layers
from verify.reports.report import Report, TapReport
from verify.specs.spec import ModuleRunner, PortRunner, PortSpec, StepwiseRunner

# Wrong layers that are looked into; those behind may follow from them.
MOST_LAYERS = 5
# Of a port and the layers that are wrong by themselves, the causes, and whether with them mended
# nothing is wrong any more; None where that was not tried.
Found = tuple[list[Cause], bool | None]
Search = Callable[[PortSpec, Sequence[TapReport]], Found]


@dataclass(frozen=True)
class Diagnosis:
    """Why a port fails.

    `kinds` says of each layer that is wrong by itself whether it is a bug or rounding, of the first
    few; `further` is how many more there are, which were not looked into. `confirmed`: whether with
    the causes mended nothing is wrong any more, None where that was not tried.
    """

    kinds: Mapping[str, str]
    causes: Sequence[Cause]
    confirmed: bool | None
    amplified: Sequence[Amplification]
    grows_at: Sequence[Amplification]
    further: int = 0

    @property
    def lines(self) -> list[str]:
        """What to tell a person."""
        if not self.kinds:
            said = ["no layer is wrong by itself: what fails is rounding that the net magnifies"]
        else:
            said = [f"{tap}: {kind}" for tap, kind in self.kinds.items()]
        if self.further:
            said.append(f"{self.further} more layers are wrong by themselves, and not looked into")
        said += [str(cause) for cause in self.causes]
        if self.confirmed is not None:
            said.append(
                "confirmed: with that mended and run on, nothing differs"
                if self.confirmed
                else "not all of it: with that mended, something still differs"
            )
        return said + [
            f"{each.tap} magnifies the error that reaches it {each.growth:.3g} times"
            for each in self.grows_at
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "layers": dict(self.kinds),
            "further_layers": self.further,
            "causes": [cause.to_dict() for cause in self.causes],
            "confirmed": self.confirmed,
            "grows_at": [each.to_dict() for each in self.grows_at],
            "amplification": [each.to_dict() for each in self.amplified],
        }


def diagnose(
    spec: PortSpec,
    report: Report,
    search: Search | None = None,
    further: Further = lambda view: (),
) -> Diagnosis:
    """Find out why `report` is not one that passed.

    Args:
        spec: what was compared.
        report: what came of it.
        search: for causes, before repairs are tried; such as one among known mistakes.
        further: repairs of a layer that whoever knows more than its module can give.
    """
    failing = [tap for tap in report.taps if _is_wrong_itself(tap)]
    kinds = {tap.name: _kind(tap) for tap in failing[:MOST_LAYERS]}
    causes, confirmed = list[Cause](), None
    if failing and search is not None:
        causes, confirmed = search(spec, failing)
    if not any(cause.name != UNEXPLAINED for cause in causes) and spec.isolates:
        mended, passed = _by_repairs(spec, list(kinds), further)
        causes, confirmed = (mended, passed) if mended else (causes, None)
    if not confirmed:
        causes = causes + _unexplained(failing[:MOST_LAYERS], causes)
    taps = report.taps
    more = len(failing) - len(kinds)
    return Diagnosis(kinds, causes, confirmed, amplification(taps), steepest(taps), more)


def _is_wrong_itself(tap: TapReport) -> bool:
    alone = tap.isolated is not None and tap.isolated.passed
    return tap.isolates and not tap.passed and (not alone or bool(tap.other_weights))


def _kind(tap: TapReport) -> str:
    if tap.other_weights:
        return f"other weights: {', '.join(tap.other_weights)}"
    if tap.isolated is None:
        return "not computed by the port"
    if not tap.isolated.same_function:
        return "a bug: float64 differs too"
    return "rounding: only float32 differs"


def _unexplained(wrong: Sequence[TapReport], causes: Sequence[Cause]) -> list[Cause]:
    """A cause without a name for each wrong layer that has none; other weights are one."""
    told = {cause.tap for cause in causes}
    return [
        Cause(tap.name, UNEXPLAINED, 0.0)
        for tap in wrong
        if tap.name not in told and not tap.other_weights
    ]


def _by_repairs(spec: PortSpec, taps: Sequence[str], further: Further) -> Found:
    """Changes of the wrong layers, until they compute what the original does."""
    causes: list[Cause] = []
    plants: list[tuple[str, Plant]] = []
    for tap in taps:
        try:
            found = mending(layer_view(spec, tap), further)
        except InputError:  # a port that is not run module by module, or never gets there
            continue
        causes += [cause for cause, _ in found]
        plants += [(tap, plant) for _, plant in found]
    if not plants:
        return causes, None
    patched = replace(spec, port=lambda precision: _patched(spec.port(precision), plants))
    again = compare_layers(replace(patched, other_weights={}))
    return causes, not any(_is_wrong_itself(tap) for tap in again.taps)


def _patched(runner: PortRunner, plants: Sequence[tuple[str, Plant]]) -> PortRunner:
    assert isinstance(runner, ModuleRunner)
    for tap, plant in plants:
        module = runner.module(tap)
        around = runner.around(tap) if isinstance(runner, StepwiseRunner) else module
        plant(Site(around, tap, module))
    return runner
