"""A net of Keras and ports of it, right and wrong, and what the verifier says of each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers
from torch import Tensor, nn

from port.errors import InputError
from verify.custom import KerasModel, port_spec
from verify.diagnosis.verify import verify

Make = Callable[[], nn.Module]


@dataclass(frozen=True)
class Wrong:
    """A port with a mistake: the first taps that may fail, and a word of the cause, if one is."""

    make: Make
    taps: tuple[str, ...]
    cause: str | None = None
    change: Callable[[dict[str, Tensor]], object] | None = None  # of the right weights


@dataclass(frozen=True)
class NetPair:
    """`tapped`: taps that every right port has; `given`: further arguments of `port_spec`."""

    build: Callable[[], keras.Model]
    inputs: np.ndarray | Mapping[str, np.ndarray]
    right: Mapping[str, Make]
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
    tapped: tuple[str, ...] = ()
    trains: bool = True
    given: Mapping[str, Any] = field(default_factory=dict)


def misjudged(pair: NetPair) -> list[str]:
    """What the verifier gets wrong of a pair: verdicts, taps, places and causes."""
    return [*_of_right(pair), *_of_wrong(pair)]


def _of_right(pair: NetPair) -> Iterator[str]:
    for name, make in pair.right.items():
        try:
            spec = port_spec(
                name, KerasModel(pair.build, seed=0), make(), pair.inputs, **pair.given
            )
            report = verify(spec, "training" if pair.trains else "inference")
        except InputError as error:
            yield f"{name}: refused: {error}"
            continue
        failing = [f"{level}: {o.summary}" for level, o in report.further.items() if not o.passed]
        if not report.passed or failing:
            yield f"{name}: {report.summary} {failing}"
        taps = {tap.name for tap in report.taps}
        if not taps.issuperset(pair.tapped):
            yield f"{name}: has only the taps {', '.join(sorted(taps))}"


def _of_wrong(pair: NetPair) -> Iterator[str]:
    original = KerasModel(pair.build, seed=0)
    for name, wrong in pair.wrong.items():
        given = dict(pair.given)
        if wrong.change is not None:
            right = port_spec(name, original, wrong.make(), pair.inputs, **given)
            state = right.port.module.state_dict()  # type: ignore[attr-defined]
            state = {key: tensor.clone() for key, tensor in state.items()}
            wrong.change(state)
            given = {"weights": lambda _, state=state: state}
        report = verify(port_spec(name, original, wrong.make(), pair.inputs, **given))
        causes = report.diagnosis.to_dict()["causes"] if report.diagnosis else []
        first = causes[0]["cause"] if causes else ""
        if report.first_failure not in wrong.taps:
            yield f"{name}: fails first at {report.first_failure}"
        if wrong.cause is not None and wrong.cause not in first:
            yield f"{name}: the cause is told as {first!r}"


def keras_net(
    layer: Callable[[Any], Any], shape: tuple[int, ...], tokens: bool = False
) -> Callable[[], keras.Model]:
    """A layer, and a dense one behind it."""

    def build() -> keras.Model:
        inputs = layers.Input(shape, dtype="int32" if tokens else None)
        return keras.Model(inputs, layers.Dense(2, name="classes")(layer(inputs)))

    return build
