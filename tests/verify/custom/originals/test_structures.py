"""Nets of several inputs and outputs, of whatever structure: right ports pass, wrong ones fail."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import Tensor, nn

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input

LEFT, RIGHT = probe_input((3, 4)), probe_input((3, 4), seed=1)
MASK = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]], np.bool_)


def heads(structure: Callable[..., Any]) -> Callable[[], keras.Model]:
    """Two dense layers on one, and which class is largest, as `structure(scores, boxes, best)`."""

    def build() -> keras.Model:
        image = layers.Input((4,), name="image")
        x = layers.Dense(6, name="body", activation="relu")(image)
        scores = layers.Dense(5, name="scores")(x)
        boxes = layers.Dense(5, name="boxes")(x)
        return keras.Model(image, structure(scores, boxes, ops.argmax(scores, -1)))

    return build


class Heads(nn.Module):
    def __init__(self, structure: Callable[..., Any]) -> None:
        super().__init__()
        self.body, self.act = nn.Linear(4, 6), nn.ReLU()
        self.scores, self.boxes = nn.Linear(6, 5), nn.Linear(6, 5)
        self.structure = structure

    def forward(self, image: Tensor) -> Any:
        x = self.act(self.body(image))
        scores = self.scores(x)
        return self.structure(scores, self.boxes(x), scores.argmax(-1))


@dataclass
class Found:
    boxes: Tensor
    scores: Tensor
    loss: Tensor | None = None


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


def named(s: Any, b: Any, _: Any) -> Any:
    return {"scores": s, "boxes": b}


def listed(s: Any, b: Any, _: Any) -> Any:
    return [s, b]


def inside(s: Any, b: Any, m: Any) -> Any:
    return {"scores": s, "more": [b, {"best": m}]}


def alone(s: Any, b: Any, m: Any) -> Any:
    return s


def found(s: Any, b: Any, m: Any) -> Any:
    return Found(b, s)


def of_transformers(s: Any, b: Any, m: Any) -> Any:
    utils = pytest.importorskip("transformers.utils", reason="the extra `examples` is missing")

    @dataclass
    class Output(utils.ModelOutput):
        loss: Tensor | None = None
        scores: Tensor | None = None
        boxes: Tensor | None = None
        hidden: Tensor | None = None

    return Output(scores=s, boxes=b, hidden=s + b)


@cache
def original(structure: Callable[..., Any]) -> KerasModel:
    return KerasModel(heads(structure), seed=0)


NAMES, NUMBERS = ["output/scores", "output/boxes"], ["output/0", "output/1"]
NESTED = ["output/scores", "output/more/0", "output/more/1/best"]

# The original's structure, the port's, how it is called; the taps, and which of them fail.
OUTPUTS: dict[str, tuple[Any, Any, Any, list[str], list[str]]] = {
    "dict and dict": (named, lambda s, b, _: {"boxes": b, "scores": s}, None, NAMES, []),
    "dict and data class": (named, found, None, NAMES, []),
    "dict and transformers'": (named, of_transformers, None, NAMES, []),
    "dict and tuple": (named, lambda s, b, _: (s, b), None, NAMES, []),
    "list and tuple": (listed, lambda s, b, _: (s, b), None, NUMBERS, []),
    "list and named tuple": (listed, lambda s, b, _: Pair(s, b), None, NUMBERS, []),
    "list and dict": (listed, lambda s, b, _: {"a": s, "b": b}, None, NUMBERS, []),
    "nested": (inside, inside, None, NESTED, []),
    "nested, flat in the port": (inside, lambda *all: all, None, NESTED, []),
    "one of two": (alone, lambda s, b, _: (s, b), lambda p, x: p(x["input"])[0], ["output"], []),
    "logits": (alone, lambda s, b, _: {"logits": s, "boxes": b}, None, ["output"], []),
    "by the user's word": (
        named,
        lambda s, b, _: {"a": b, "b": s},
        lambda port, x: dict(zip(("boxes", "scores"), port(x["input"]).values(), strict=True)),
        NAMES,
        [],
    ),
    "a tuple in another order": (listed, lambda s, b, _: (b, s), None, NUMBERS, NUMBERS),
    "one is wrong": (named, lambda s, b, _: {"scores": s, "boxes": b + s}, None, NAMES, NAMES[1:]),
    "another class": (
        inside,
        lambda s, b, m: inside(s, b, s.argmin(-1)),
        None,
        NESTED,
        NESTED[2:],
    ),
    "of another axis": (
        inside,
        lambda s, b, m: inside(s, b, s.argmax(0)),
        None,
        NESTED,
        NESTED[2:],
    ),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_every_output_is_a_tap(case: str) -> None:
    theirs, its, forward, taps, failing = OUTPUTS[case]
    given = {"forward": forward} if forward else {}
    given |= {"port_only": ["boxes*"]} if theirs is alone else {}
    spec = port_spec(case, original(theirs), Heads(its), LEFT, **given)
    report = verify.verify(spec)
    outputs = [tap for tap in report.taps if tap.name.startswith("output")]
    assert [tap.name for tap in outputs] == taps
    assert [tap.name for tap in outputs if not tap.passed] == failing
    assert report.passed == (not failing), report.first_failure


def test_structures_that_do_not_fit_are_both_told_with_the_line_to_write() -> None:
    for its, told in {
        (lambda s, b, _: {"a": s, "b": b}): "the port a 3×5, b 3×5",
        (lambda s, b, _: s): "the port one array 3×5",
        (lambda s, b, _: None): "the port no array",
    }.items():
        with pytest.raises(InputError, match="the original returns scores 3×5, boxes 3×5") as said:
            port_spec("heads", original(named), Heads(its), LEFT)
        assert told in str(said.value)
        assert "forward=lambda port, x: {'scores': y[…], 'boxes': y[…]}" in str(said.value)


def by_order() -> keras.Model:
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    x = ops.concatenate([left, layers.Dense(4, name="turn")(right)], -1)
    return keras.Model([left, right], layers.Dense(2, name="last")(x))


def by_key() -> keras.Model:
    right, left = layers.Input((4,), name="second"), layers.Input((4,), name="first")
    x = ops.concatenate([left, layers.Dense(4, name="turn")(right)], -1)
    return keras.Model({"right": right, "left": left}, layers.Dense(2, name="last")(x))


class _Both(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.turn, self.last = layers.Dense(4, name="turn"), layers.Dense(2, name="last")

    def both(self, left: Any, right: Any) -> Any:
        return self.last(ops.concatenate([left, self.turn(right)], -1))


class Unpacks(_Both):
    def call(self, inputs: Any) -> Any:
        left, right = inputs
        return self.both(left, right)


class Indexes(_Both):
    def call(self, inputs: Any) -> Any:
        return self.both(inputs["left"], inputs["right"])


class Arguments(_Both):
    def call(self, left: Any, right: Any, training: bool = False) -> Any:
        return self.both(left, right)


class Deep(_Both):
    def call(self, inputs: Any) -> Any:
        return self.both(inputs["left"], inputs["more"][0]["right"])


def built(kind: type[_Both], *args: Any) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        model = kind()
        model(*args)
        return model

    return build


class TakesTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.turn, self.last = nn.Linear(4, 4), nn.Linear(8, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.last(torch.cat([left, self.turn(right)], -1))


class OtherOrder(TakesTwo):
    def forward(self, right: Tensor, left: Tensor) -> Tensor:
        return super().forward(left, right)


class OtherNames(TakesTwo):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return super().forward(a, b)


class TakesDict(TakesTwo):
    def forward(self, x: Any) -> Tensor:
        return super().forward(x["left"], x["right"])


class TakesList(TakesTwo):
    def forward(self, x: Any) -> Tensor:
        return super().forward(*x)


class TakesDeep(TakesTwo):
    def forward(self, left: Tensor, more: Any) -> Tensor:
        return super().forward(left, more[0]["right"])


NAMED, LISTED = {"left": LEFT, "right": RIGHT}, [LEFT, RIGHT]
DEEP = {"left": LEFT, "more": [{"right": RIGHT}]}
INPUTS: dict[str, tuple[Any, Any, Any, bool]] = {
    "by order": (by_order, LISTED, TakesTwo, True),
    "by the layers' names": (by_order, NAMED, TakesTwo, True),
    "by name, in another order": (by_order, {"right": RIGHT, "left": LEFT}, TakesTwo, True),
    "a port in another order": (by_order, NAMED, OtherOrder, True),
    "a port of other names": (by_order, NAMED, OtherNames, True),
    "a port that takes a dict": (by_order, NAMED, TakesDict, True),
    "a port that takes a list": (by_order, LISTED, TakesList, True),
    "by key": (by_key, NAMED, TakesTwo, True),
    "by the names of its layers": (by_key, {"first": LEFT, "second": RIGHT}, OtherNames, True),
    "subclassed, unpacks": (built(Unpacks, LISTED), LISTED, TakesTwo, True),
    "subclassed, unpacks what is named": (built(Unpacks, LISTED), NAMED, TakesTwo, True),
    "subclassed, indexes": (built(Indexes, NAMED), NAMED, TakesTwo, True),
    "subclassed, arguments": (built(Arguments, *LISTED), NAMED, TakesTwo, True),
    "subclassed, arguments in order": (built(Arguments, *LISTED), LISTED, TakesTwo, True),
    "subclassed, nested": (built(Deep, DEEP), DEEP, TakesDeep, True),
    "exchanged": (by_order, LISTED, OtherOrder, False),
    "exchanged by name": (by_order, {"right": RIGHT, "left": LEFT}, OtherNames, False),
}


@pytest.mark.parametrize("case", INPUTS)
def test_inputs_go_by_name_or_in_order(case: str) -> None:
    build, inputs, port, right = INPUTS[case]
    report = verify.compare_layers(port_spec(case, KerasModel(build, seed=0), port(), inputs))
    assert report.passed == right, report.first_failure


def test_other_inputs_are_refused_in_one_line() -> None:
    for inputs, told in {
        "left, other": {"left": LEFT, "other": RIGHT},
        "input": LEFT,
    }.items():
        with pytest.raises(InputError, match=f"the original's are left, right, given {inputs}"):
            port_spec("two", KerasModel(by_order, seed=0), TakesTwo(), told)
    with pytest.raises(InputError, match="does not run on left 3×4, right 3×3 in float64") as said:
        wrong = {"left": LEFT, "right": RIGHT[:, :3]}
        port_spec("two", KerasModel(by_order, seed=0), TakesTwo(), wrong)
    assert "\n" not in str(said.value)


def masked() -> keras.Model:
    x, mask = layers.Input((4,), name="x"), layers.Input((4,), dtype="bool", name="mask")
    kept = ops.where(mask, x, 0.0)
    return keras.Model([x, mask], [layers.Dense(2, name="last")(kept), ops.logical_not(mask)])


class Masked(nn.Module):
    def __init__(self, turned: bool = True) -> None:
        super().__init__()
        self.last, self.turned = nn.Linear(4, 2), turned

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.last(x.where(mask, torch.zeros_like(x))), ~mask if self.turned else mask


@pytest.mark.parametrize("right", [True, False])
def test_masks_go_in_and_out(right: bool) -> None:
    inputs = {"x": LEFT, "mask": MASK}
    spec = port_spec("masked", KerasModel(masked, seed=0), Masked(right), inputs)
    report = verify.compare_layers(spec)
    assert report.first_failure == (None if right else "output/1")


def test_a_port_may_compute_again_what_the_original_returns_twice() -> None:
    def build() -> keras.Model:
        row = layers.Input((4,))
        last = layers.Dense(2, name="last")(row)
        return keras.Model(row, [last, row, last])

    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.last(x), x, self.last(x)

    report = verify.verify(port_spec("again", KerasModel(build, seed=0), Again(), LEFT))
    assert report.passed, report.first_failure


def test_a_layer_may_be_called_output() -> None:
    def build() -> keras.Model:
        image = layers.Input((4,))
        x = layers.Dense(5, name="input", activation="tanh")(image)
        return keras.Model(image, layers.Dense(3, name="output", activation="softmax")(x))

    port = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(-1))
    spec = port_spec("named so", KerasModel(build, seed=0), port, LEFT)
    assert verify.compare_layers(spec).passed
    assert list(matching_of(spec).taps)[-3:] == ["layer output/linear", "layer output", "output"]
    given = port_spec("so", KerasModel(build, seed=0), port, LEFT, layers={"output": "2"})
    assert verify.compare_layers(given).passed
