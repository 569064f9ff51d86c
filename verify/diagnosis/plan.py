"""A port with all that can be judged of it besides its layers, and how failures are explained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

from port.errors import InputError
from verify.diagnosis.diagnose import diagnose
from verify.engine.comparer import Comparer
from verify.reports.outcome import Explanation, Outcome
from verify.reports.report import Report
from verify.reports.training_report import TrainingReport
from verify.specs.spec import PortSpec

# May raise InputError, where the port cannot be judged in that way.
Judge = Callable[[Comparer], Outcome]
# What a level judges besides every layer, by name, the cheapest first.
Level = Callable[[], Mapping[str, Judge]]
ExplainLayers = Callable[[PortSpec, Report], Explanation]
# Gets the name of what a level judged, and the report of it.
ExplainFurther = Callable[[str, Report], Explanation | None]
# Gets the layers' report as well: what they tell need not be told again.
ExplainTraining = Callable[[Report, TrainingReport], Explanation | None]


def judge_no_more() -> Mapping[str, Judge]:
    """The level `inference`: every layer, and that is all."""
    return {}


def explain_no_training(layers: Report, trained: TrainingReport) -> None:
    """Nothing is known of why a step differs."""


def explain_nothing(name: str, report: Report) -> None:
    """Nothing is known of why layers differ there."""


@dataclass(frozen=True)
class PortPlan(PortSpec):
    """A `PortSpec` that `verify` can judge at several levels.

    Args:
        levels: by name.
        variants: of the port, each a verdict of its own.
        heavy: its comparisons take a process of their own, for the memory.
        explain_layers: why layers differ.
        explain_further: why layers differ on what a level judges besides.
        explain_training: why a training step differs.
    """

    levels: Mapping[str, Level] = field(default_factory=lambda: {"inference": judge_no_more})
    variants: Mapping[str, Judge] = field(default_factory=dict)
    heavy: bool = False
    explain_layers: ExplainLayers = diagnose
    explain_further: ExplainFurther = explain_nothing
    explain_training: ExplainTraining = explain_no_training

    @property
    def sides(self) -> PortSpec:
        """The port and its original alone, as another process can have them."""
        return PortSpec(**{each.name: getattr(self, each.name) for each in fields(PortSpec)})

    def judges(self, level: str) -> Mapping[str, Judge]:
        """What `level` judges besides every layer.

        Raises:
            InputError: there is no such level of this port, or it cannot be judged there.
        """
        if level not in self.levels:
            raise InputError(f"level {level!r}: of {self.name} there are {', '.join(self.levels)}")
        return self.levels[level]()

    def variant_judges(self, names: tuple[str, ...]) -> Mapping[str, Judge]:
        """What judges each of these variants.

        Raises:
            InputError: there is no such variant.
        """
        for name in names:
            if name not in self.variants:
                there = ", ".join(self.variants) or "none"
                raise InputError(f"variant {name!r}: of {self.name} there are {there}")
        return {name: self.variants[name] for name in names}


def planned(spec: PortSpec) -> PortPlan:
    """A spec as a plan; one made by hand has its layers, and nothing besides."""
    if isinstance(spec, PortPlan):
        return spec
    return PortPlan(**{each.name: getattr(spec, each.name) for each in fields(PortSpec)})
