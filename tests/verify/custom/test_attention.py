"""Attention of Keras against torch's, whose three projections are packed into one matrix."""

from collections.abc import Callable

import keras
import pytest
from keras import layers
from torch import Tensor, nn

import verify
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.engine.training import compare_training
from verify.specs.spec import PortSpec

TOKENS = probe_input((2, 5, 12))


def build() -> keras.Model:
    inputs = layers.Input((5, 12))
    x = layers.MultiHeadAttention(3, 4, name="attention")(inputs, inputs)
    return keras.Model(inputs, layers.Dense(2, name="classes")(x))


class Net(nn.Module):
    def __init__(self, heads: int = 3, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.attention = nn.MultiheadAttention(12, heads, batch_first=batch_first)
        self.classes = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.batch_first else x.transpose(0, 1)
        y, _ = self.attention(x, x, x, need_weights=False)
        return self.classes(y if self.batch_first else y.transpose(0, 1))


def spec_of(port: nn.Module, **given: object) -> PortSpec:
    return port_spec("net", KerasModel(build, seed=0), port, TOKENS, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch_first", [True, False])
def test_packed_projections_are_matched_block_by_block(batch_first: bool) -> None:
    spec = spec_of(Net(batch_first=batch_first))
    told = matching_of(spec).weights
    key = "attention.in_proj_weight[12:24] (d h k -> (h k) d; h=3 k=4)"
    assert told["attention/key/kernel"] == key
    assert list(matching_of(spec).taps) == ["attention", "classes", "output"]
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert spec.training is not None
    trained = compare_training(spec.training)
    assert trained.passed, trained.first_failure


def rolled(tensor: Tensor) -> None:
    tensor.copy_(tensor.roll(12, 0))


def heads_last(tensor: Tensor) -> None:
    """As if a head's features came one by one: (k h) in place of (h k)."""
    for part in tensor.chunk(3):
        part.copy_(part.unflatten(0, (3, 4)).transpose(0, 1).flatten(0, 1).clone())


@pytest.mark.parametrize("change", [rolled, heads_last])
def test_wrong_weights_show_at_the_attention(change: Callable[[Tensor], None]) -> None:
    state = spec_of(Net()).port.module.state_dict()  # type: ignore[attr-defined]
    state = {key: tensor.clone() for key, tensor in state.items()}
    change(state["attention.in_proj_weight"])
    report = verify.compare_layers(spec_of(Net(), weights=lambda _: state))
    assert report.first_failure == "attention"


def test_another_number_of_heads_shows_at_the_attention() -> None:
    report = verify.compare_layers(spec_of(Net(heads=4)))
    alone = [t.name for t in report.taps if t.isolated and not t.isolated.same_function]
    assert (report.first_failure, alone) == ("attention", ["attention"])
