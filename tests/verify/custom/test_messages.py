"""What stops somebody is one line: what is wrong, the shapes, what to write."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor, nn

import verify
from port.errors import InputError
from tests.tvn_cli.run import tvn
from verify.custom import KerasModel, port_spec, probe_input, saved_model, tf_function

X = probe_input((2, 6))


def build() -> keras.Model:
    x = layers.Input((6,))
    y = layers.Dense(4, activation="relu", name="first")(x)
    return keras.Model(x, layers.Dense(3, name="second")(y))


@cache
def original() -> KerasModel:
    """Once for all."""
    return KerasModel(build, seed=0)


class Port(nn.Module):
    """Right, if what it `returns` is what it was given."""

    def __init__(self, returns: Callable[[Tensor], Any] = lambda y: y, width: int = 4) -> None:
        super().__init__()
        self.first, self.act = nn.Linear(6, 4), nn.ReLU()
        self.second, self.returns = nn.Linear(width, 3), returns

    def forward(self, x: Tensor) -> Any:
        return self.returns(self.second(self.act(self.first(x))))


class OtherArguments(Port):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return x + y


class StopsInside(Port):
    def forward(self, x: Tensor) -> Any:
        return self.second(self.first(x), 3)


class Uncopied(Port):
    def __deepcopy__(self, memo: object) -> "Port":
        raise TypeError("it holds a socket")


def lazy() -> Port:
    port = Port()
    port.second = nn.LazyLinear(3)
    return port


def no_numbers(x: Any) -> keras.Model:
    return keras.Model(x, layers.Dense(3, name="d")(keras.ops.log(x - 5)))


def spec(**given: Any) -> object:
    """The comparison with what is given in place of what is right."""
    arguments: dict[str, Any] = {"original": None, "port": Port(), "inputs": X, **given}
    if arguments["original"] is None:
        arguments["original"] = original()
    return port_spec("mine", **arguments)


def filled(number: float) -> np.ndarray:
    return np.where(np.arange(12).reshape(2, 6) == 7, np.float32(number), X)


NUMBERS = "give a numpy array of numbers, or several by name"
STOPS: Mapping[str, tuple[Callable[[], object], str]] = {
    # The original.
    "is no original": (lambda: spec(original=build()), "original is a Functional: give KerasModel"),
    "is not built": (lambda: KerasModel(lambda: 1 / 0), "cannot be built: ZeroDivisionError"),
    "takes arguments": (lambda: KerasModel(lambda a: a), "cannot be built: TypeError.*'a'"),
    "is no model": (lambda: KerasModel(lambda: None), "returns a NoneType, no Keras model"),
    "a layer misfits": (
        lambda: KerasModel(lambda: layers.Conv2D(3, 3)(layers.Input((6,)))),
        "cannot be built: ValueError: .*'conv2d'.*ndim=4, found ndim=2",
    ),
    "no file": (lambda: KerasModel("nothing.keras"), "nothing.keras: no such file"),
    "no SavedModel": (lambda: saved_model("nowhere"), "nowhere: not a SavedModel"),
    "no function": (lambda: tf_function(len), "is no tf.function"),
    "no numbers": (
        lambda: spec(original=KerasModel(lambda: no_numbers(layers.Input((6,))), seed=0)),
        "NaN or infinity as output 2×3, the first computes log: give an input",
    ),
    # The inputs.
    "none": (lambda: spec(inputs=None), NUMBERS),
    "no array": (lambda: spec(inputs=[[1.0, 2.0]]), NUMBERS),
    "texts": (lambda: spec(inputs=np.array(["a"])), NUMBERS),
    "complex": (lambda: spec(inputs=X * 1j), NUMBERS),
    "empty": (lambda: spec(inputs=X[:0]), "inputs: input 0×6 holds no number"),
    "NaN": (lambda: spec(inputs=filled(np.nan)), "inputs: input 2×6 holds NaN or infinity"),
    "infinity": (lambda: spec(inputs=filled(np.inf)), "inputs: input 2×6 holds NaN or infinity"),
    "features": (lambda: spec(inputs=X[:, :5]), r"does not run on input 2×5.*\(None, 6\)"),
    "no batch": (lambda: spec(inputs=X[0]), r"does not run on input 6 .*\(None, 6\)"),
    "names": (lambda: spec(inputs={"a": X, "b": X}), "inputs: the original's are .* given a, b"),
    "layout of an input": (
        lambda: spec(input_layouts={"input": "n h w c -> n c h w"}),
        "input_layouts: input 2×6 has no such axes as n h w c -> n c h w",
    ),
    # The port.
    "a class": (lambda: spec(port=Port), "the port is a type: give a torch.nn.Module"),
    "half": (lambda: spec(port=Port().half()), "first.weight is float16, .* give port.float"),
    "bfloat16": (lambda: spec(port=Port().bfloat16()), "first.weight is bfloat16"),
    "double": (lambda: spec(port=Port().double()), "first.weight is float64"),
    "no memory": (lambda: spec(port=Port().to("meta")), "first.weight is on meta"),
    "lazy": (lambda: spec(port=lazy()), "second.weight has no shape yet: call the port once"),
    "not copied": (lambda: spec(port=Uncopied()), "cannot be copied: TypeError: it holds a socket"),
    "arguments": (
        lambda: spec(port=OtherArguments()),
        "does not run on input 2×6: TypeError: .*'y'; say how it is called: forward=lambda",
    ),
    "stops inside": (lambda: spec(port=StopsInside()), "on input 2×6, in second: TypeError"),
    "stops": (lambda: spec(port=Port(lambda y: y / {}[0])), "on input 2×6: KeyError: 0; say how"),
    "returns None": (lambda: spec(port=Port(lambda y: None)), "returns one array 2×3; the port no"),
    "returns numpy": (lambda: spec(port=Port(lambda y: y.numpy())), "the port no array"),
    "returns complex": (lambda: spec(port=Port(lambda y: y * 1j)), "complex numbers: give forward"),
    "forward": (lambda: spec(forward=lambda x: x), "does not run on input 2×6: TypeError"),
    # Weights.
    "misfit": (
        lambda: spec(port=Port(width=5)),
        r"second/kernel 4×3; the port's second.weight 3×5\. .*without=\['second/kernel'\]",
    ),
    "unknown": (lambda: spec(weights={"a/b": "first.weight"}), "has no variable 'a/b'"),
    "no tensor": (lambda: spec(weights={"first/kernel": "a"}), "no tensor 'a' .*first/kernel"),
    "other shapes": (
        lambda: spec(weights={"first/kernel": "second.weight"}),
        r"\(6, 4\) does not fit 'second.weight' \(3, 4\); give .*'layout'",
    ),
    "half an entry": (lambda: spec(weights={"first/kernel": ("a",)}), "first/kernel.*give a name"),
    "a text": (lambda: spec(weights="w.pt"), "weights is a str: give a dict.* or a function"),
    "no arrow": (lambda: spec(weights={"first/kernel": ("first.weight", "i o")}), "pattern looks"),
    "other axes": (
        lambda: spec(weights={"first/kernel": ("first.weight", "i o -> o j")}),
        r"i o -> o j: does not fit the shape \(6, 4\)",
    ),
    "function stops": (
        lambda: spec(weights=lambda variables: variables["nothing"]),
        "your function stopped: KeyError: 'nothing'; it is given first/kernel 6×4",
    ),
    "function without": (lambda: spec(weights=lambda _: None), "returns a NoneType, no state dict"),
    "function of arrays": (
        lambda: spec(weights=lambda _: {"first.weight": np.ones(3)}),
        "'first.weight' of your function is a ndarray: give a torch.Tensor",
    ),
    "function of shapes": (
        lambda: spec(weights=lambda _: dict.fromkeys(Port().state_dict(), torch.ones(2))),
        r"does not load: .*first.weight.*\[2\].*\[4, 6\]",
    ),
    "function of keys": (lambda: spec(weights=lambda _: {}), 'does not load: .*"first.weight"'),
    # What else is said.
    "a list": (lambda: spec(layers=["first"]), "layers is a list: give a dict"),
    "a number": (lambda: spec(taps={"first": 3}), "taps: 'first' is 3: give a name"),
    "one pattern": (lambda: spec(without="*/bias"), "without is .*give a list of patterns"),
    "layout of a tap": (
        lambda: spec(taps={"first": ("act", "n h w c -> n c h w")}),
        "taps: 'first' 2×4 has no such axes as n h w c -> n c h w",
    ),
}


@pytest.mark.parametrize("stop", STOPS)
def test_it_stops_with_one_line_that_says_what_is_wrong(stop: str) -> None:
    make, message = STOPS[stop]
    with pytest.raises(InputError, match=message) as stopped:
        make()
    assert "\n" not in str(stopped.value)


def test_what_the_outputs_do_not_show_of_infinities_is_said() -> None:
    """The original picks what is a number; the port does not compute the rest."""

    def picks() -> keras.Model:
        x = layers.Input((6,))
        picked = keras.ops.where(x < 9, x, keras.ops.log(x - 5))
        return keras.Model(x, layers.Dense(3, name="d")(picked))

    made = port_spec("picks", KerasModel(picks, seed=0), nn.Sequential(nn.Linear(6, 3)), X)
    assert verify.compare_layers(made).passed
    assert made.about.notes == ["NaN or infinity is what the original computes in log"]


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_no_number_in_the_port_passes(number: float) -> None:
    def returns(y: Tensor) -> Tensor:
        return torch.where(torch.arange(6).reshape(2, 3) == 4, number, y)

    report = verify.compare_layers(spec(port=Port(returns)))  # type: ignore[arg-type]
    assert report.first_failure == "output"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(3)", "it ends the process"),
        ("import nothing_here", "line 1: ModuleNotFoundError"),
        ("def (:", "SyntaxError"),
        ("x = 3", r"spec() has to return a PortSpec"),
        ("def spec(): return 3", r"spec() has to return a PortSpec"),
        ("from tests.verify.custom.test_messages import *\nSPEC = spec(inputs=X[:0])", "0×6"),
    ],
)
def test_the_command_says_it_too_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    file, report = tmp_path / "mine.py", tmp_path / "report.json"
    file.write_text(text)
    done = tvn(capsys, "verify", f"--spec={file}", f"--json={report}")
    assert (done.status, done.out, report.exists()) == (2, "", False)
    assert str(file) in done.err
    assert message in done.err
    assert done.err.count("\n") == 1
