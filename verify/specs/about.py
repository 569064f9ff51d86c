"""What a verdict rests on: input, seed, how the two sides were matched, and remarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Of one input, or by name of several.
Shape = tuple[int, ...] | Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Matching:
    """Which variable and which tap of the original is where in somebody's port.

    Args:
        weights: a variable's name to the key of the port's tensor, with the layout.
        taps: a tap's name to the module that computes it, with the layout.
        recognised_by: how many layers were told by which sign.
        ambiguous: a line for each layer that others would fit as well.
        reordered: places that read the right numbers flattened in another layout.
        settled: what the outputs decided.
        outputs: a line for each output that lies otherwise in the port than in the original.
        only_in_original: variables without a counterpart.
        only_in_port: the port's tensors without one.
        unplaced: taps that the port has no module for; they are judged with the next tap.
        not_compared: by taps whose place in the port is not certain, why.
        missing: a line for each layer without weights that the port does not compute at all.
    """

    weights: Mapping[str, str]
    taps: Mapping[str, str]
    recognised_by: Mapping[str, int]
    ambiguous: Sequence[str] = ()
    reordered: Sequence[str] = ()
    settled: str = ""
    outputs: Sequence[str] = ()
    only_in_original: Sequence[str] = ()
    only_in_port: Sequence[str] = ()
    unplaced: Sequence[str] = ()
    not_compared: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "weights": dict(self.weights),
            "taps": dict(self.taps),
            "recognised by": dict(self.recognised_by),
            "ambiguous": list(self.ambiguous),
            "reordered": list(self.reordered),
            "settled": self.settled,
            "outputs": list(self.outputs),
            "not in the port": list(self.only_in_original),
            "only in the port": list(self.only_in_port),
            "judged with the next tap": list(self.unplaced),
            "not compared": dict(self.not_compared),
            "missing": list(self.missing),
        }


@dataclass(frozen=True)
class About:
    """What was compared, and on what.

    Args:
        input: the shape of what both sides were fed.
        seed: of the input, and of weights where they were drawn.
        seconds: how long the comparison took.
        matching: of a port whose layers had to be found.
        stopped: `by`, once the port refused to go on: with which error.
        skipped: what was to be judged besides and was not, by name: why.
        not_shown: what the input cannot show, a line for each kind.
        notes: remarks about the original, a sentence each.
        remarks: whatever else a reader should know, by heading; no code reads it.
    """

    input: Shape | None = None
    seed: int | None = None
    seconds: float | None = None
    matching: Matching | None = None
    stopped: Mapping[str, str] | None = None
    skipped: Mapping[str, str] | None = None
    not_shown: Sequence[str] = ()
    notes: Sequence[str] | None = None
    remarks: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is not known is left out."""
        known = {
            "input": _listed(self.input),
            "seed": self.seed,
            "seconds": self.seconds,
            "stopped": None if self.stopped is None else dict(self.stopped),
            "not judged": None if self.skipped is None else dict(self.skipped),
            "not shown by this input": list(self.not_shown) or None,
            "notes": None if self.notes is None else list(self.notes),
        }
        matching = self.matching.to_dict() if self.matching else {}
        told = {key: value for key, value in known.items() if value is not None}
        return {**self.remarks, **matching, **told}


def _listed(shape: Shape | None) -> Any:
    """Lists, as JSON has them."""
    if isinstance(shape, Mapping):
        return {name: list(each) for name, each in shape.items()}
    return None if shape is None else list(shape)
