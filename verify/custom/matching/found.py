"""What is found to correspond, by which sign, and what the user says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from verify.custom.layouts.layout import Layout
from verify.custom.matching.gaps import Gap
from verify.custom.matching.weights import Row
from verify.custom.module.torch_module import Place

# By which sign a counterpart was recognised.
READS, COMPUTES, NAME = "what it reads", "what it computes", "its name"
BY_NAME = "what it reads and its name"
SHAPES, ORDER, GIVEN = "its shapes", "its place in the order", "what you said"
VALUES, READ_BY = "its values", "what reads it"


@dataclass(frozen=True, slots=True)
class Match:
    """A module and its layer, by which sign, and the other layers that the sign fits as well.

    `reordered`: the module reads what the layer reads, with its numbers in another order.
    `is_layer`: or else it is a tensor and a variable, which are no layer's.
    """

    place: str
    tap: str
    sign: str
    others: tuple[str, ...] = ()
    reordered: bool = False
    is_layer: bool = True


@dataclass(frozen=True)
class Given:
    """What need not be found out.

    `modules`: by a layer's tap, its module; `places`: by a tap, after which module's work it is
    found, or None where it is not to be compared; `layouts` of taps; `rows`: of weights; `without`:
    patterns of variables that the port has no place for; `port_only`: patterns of the port's
    tensors that are no variable of the original; `loaded`: the port's weights are in it already;
    `converted`: so they are, and need not be the original's, number by number.
    """

    modules: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str | None] = field(default_factory=dict)
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    without: Sequence[str] = ()
    port_only: Sequence[str] = ()
    loaded: bool = False
    converted: bool = False


@dataclass
class Found:
    """Rows of weights, places of taps, and how each counterpart was recognised.

    `not_compared`: by a tap without a certain place why; `unfit`: modules whose output has not
    the shape of their layer's; `gaps`: layers that are nowhere computed, and where they should be.
    """

    rows: list[Row]
    places: dict[str, Place] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    not_compared: dict[str, str] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    finished: bool = False  # the port got to its end
