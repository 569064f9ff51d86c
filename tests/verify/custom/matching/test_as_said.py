"""What the user says is used as said; what would be ignored is refused."""

from collections.abc import Mapping

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor, nn

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input

ROWS = probe_input((3, 6)) - 0.5


def build() -> keras.Model:
    x = rows = layers.Input((6,))
    x = layers.BatchNormalization(name="norm")(layers.Dense(6, name="first")(x))
    return keras.Model(rows, layers.Dense(4, name="second")(layers.ReLU(name="act")(x)))


class Port(nn.Module):
    def __init__(self, folds: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 4)
        self.norm = nn.Identity() if folds else nn.BatchNorm1d(6, eps=1e-3)
        self.after, self.act, self.unused = nn.Identity(), nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.act(self.norm(self.after(self.first(x)))))


def folded(variables: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The batch norm's numbers are in the layer in front of it."""
    v = {name: array.astype(np.float64) for name, array in variables.items()}
    gain = v["norm/gamma"] / np.sqrt(v["norm/moving_variance"] + 1e-3)
    arrays = {
        "first.weight": (v["first/kernel"] * gain).T,
        "first.bias": (v["first/bias"] - v["norm/moving_mean"]) * gain + v["norm/beta"],
        "second.weight": v["second/kernel"].T,
        "second.bias": v["second/bias"],
    }
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def test_a_function_of_weights_is_loaded_before_anything_is_followed() -> None:
    original = KerasModel(build, seed=0)
    port = Port(folds=True).double()  # rounded to float32, folded numbers would be others
    spec = port_spec("folded", original, port, ROWS, weights=folded)
    taps = matching_of(spec).taps
    assert {"norm", "act", "second", "output"} <= taps.keys()
    assert "first" not in taps
    report = verify.compare_layers(spec)
    assert all(t.accumulated and t.accumulated.same_function for t in report.taps)
    for wrong in ({}, {"first.weight": torch.ones(2, 2)}):
        with pytest.raises(InputError, match="weights: what your function returned does not load"):
            port_spec("wrong", original, port, ROWS, weights=lambda _, wrong=wrong: wrong)


def test_a_tap_of_a_layer_with_weights_is_where_it_is_said() -> None:
    original = KerasModel(build, seed=0)
    spec = port_spec("taps", original, Port(), ROWS, taps={"first": "after"})
    assert matching_of(spec).taps["first"] == "after (n c -> n c)"
    assert verify.compare_layers(spec).passed
    wrong = port_spec("wrong", original, Port(), ROWS, taps={"first": "act"})
    assert verify.compare_layers(wrong).first_failure == "first"
    none = port_spec("none", original, Port(), ROWS, taps={"first": None})
    assert "first" not in matching_of(none).taps
    assert verify.compare_layers(none).passed


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"taps": {"act": "unused"}}, "taps: the port's 'unused' .*did not work"),
        ({"taps": {"act": "act#2"}}, "taps: the port's 'act#2' .*did not work"),
        ({"input_layouts": {"imput": "n c -> n c"}}, "input_layouts: .*'imput'"),
        ({"without": ["*/beeta"]}, "without: .*'\\*/beeta'"),
        ({"port_only": ["third.*"]}, "port_only: .*'third.\\*'"),
        ({"layers": {"act": "act"}}, "layers: 'act' has no weights"),
        ({"layers": {"first": "act"}}, "layers: .*'act' .*has none of its weights"),
        ({"loaded": True, "weights": folded}, "loaded"),
    ],
)
def test_what_would_be_ignored_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        port_spec("ignored", KerasModel(build, seed=0), Port(), ROWS, **given)  # type: ignore[arg-type]


def test_inputs_go_by_name() -> None:
    def two() -> keras.Model:
        a, b = layers.Input((6,), name="a"), layers.Input((6,), name="b")
        return keras.Model([a, b], layers.Dense(6, name="dense")(a) - b)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(6, 6)

        def forward(self, b: Tensor, a: Tensor) -> Tensor:
            return self.dense(a) - b

    inputs = {"b": ROWS, "a": probe_input((3, 6), seed=1)}
    assert verify.compare_layers(port_spec("names", KerasModel(two, seed=0), Two(), inputs)).passed
    with pytest.raises(InputError, match=r"inputs: .*a, b"):
        port_spec("c", KerasModel(two, seed=0), Two(), {"b": ROWS, "c": ROWS})
