"""Normalizations of Keras against torch's; a wrong epsilon shows at the norm itself."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers
from torch import Tensor, nn

import verify
from verify.custom import KerasModel, port_spec, probe_input
from verify.engine.training import compare_training

# Keras' layer, torch's module with an epsilon, and the shape that they read.
NORMS: dict[str, tuple[Callable[[], Any], Callable[[float], nn.Module], tuple[int, ...]]] = {
    "layer": (
        lambda: layers.LayerNormalization(name="norm"),
        lambda eps: nn.LayerNorm(8, eps=eps),
        (5, 8),
    ),
    "group": (
        lambda: layers.GroupNormalization(4, name="norm"),
        lambda eps: nn.GroupNorm(4, 8, eps=eps),
        (3, 5, 8),
    ),
    "root mean square": (
        lambda: layers.RMSNormalization(epsilon=1e-3, name="norm"),
        lambda eps: nn.RMSNorm(8, eps=eps),
        (5, 8),
    ),
}


class Net(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm, self.classes = norm, nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return self.classes(y.movedim(1, -1) if y.ndim == 4 else y)


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_passes_and_fails_with_another_epsilon(kind: str) -> None:
    layer, module, shape = NORMS[kind]

    def build() -> keras.Model:
        inputs = layers.Input(shape)
        return keras.Model(inputs, layers.Dense(2, name="classes")(layer()(inputs)))

    original, x = KerasModel(build, seed=0), probe_input((2, *shape))
    right = port_spec("right", original, Net(module(1e-3)), x)
    report = verify.compare_layers(right)
    assert report.passed, report.first_failure
    assert right.training is not None
    trained = compare_training(right.training)
    assert trained.passed, trained.first_failure
    wrong = verify.compare_layers(port_spec("wrong", original, Net(module(1e-5)), x))
    alone = [t.name for t in wrong.taps if t.isolated and not t.isolated.same_function]
    assert (wrong.first_failure, alone) == ("norm", ["norm"])
