"""Seeded weights of a deep net leave its numbers where float32 can be judged."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from verify.custom import KerasModel, probe_input
from verify.custom.originals.keras import model as keras_model
from verify.specs.spec import Arrays, Stage

DEPTH = 48


def deep() -> keras.Model:
    """Residual blocks whose batch norms, of seeded statistics, normalise nothing."""
    x = row = layers.Input((8,))
    for _ in range(DEPTH):
        y = layers.BatchNormalization()(layers.Dense(8, activation="relu")(x))
        gate = layers.Dense(8, activation="sigmoid")(y)
        x = layers.Add()([x, layers.Multiply()([y, gate])])
    return keras.Model(row, x)


def worst_error(original: KerasModel, inputs: Arrays) -> float:
    """The largest error of float32 at any tap, of the tap's largest number."""
    truths = {call.tap: call.value for call in original.calls(inputs)}
    runner = original.runner("float32", tuple(inputs))
    found = runner.run_stage(Stage("net", tuple(inputs), tuple(truths)), inputs)
    errors = (
        np.abs(found[tap] - truth).max() / np.abs(truth).max() for tap, truth in truths.items()
    )
    return float(max(errors))


def not_levelled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keras_model, "levelled", lambda model, layers, variables, weights: weights)


def test_numbers_do_not_grow_with_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"input": probe_input((3, 8))}
    levelled = KerasModel(deep, seed=0)
    assert np.abs(levelled.calls(inputs)[-1].value).max() < 1e3
    not_levelled(monkeypatch)
    drawn = KerasModel(deep, seed=0)
    assert np.abs(drawn.calls(inputs)[-1].value).max() > 1e5
    assert worst_error(levelled, inputs) < worst_error(drawn, inputs)
    # Kernels alone, by powers of two: they keep all of their digits.
    for name, value in levelled.variables.items():
        factors = np.unique(np.log2(np.abs(value / drawn.variables[name])))
        assert factors.size == 1 and factors[0] == round(factors[0])
        assert name.endswith("kernel") or factors[0] == 0


def test_the_users_own_model_keeps_its_weights() -> None:
    model = deep()
    before = model.get_weights()
    KerasModel(model, seed=0)
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_a_small_net_is_left_as_it_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def small() -> keras.Model:
        row = layers.Input((8,))
        return keras.Model(row, layers.Dense(4)(layers.Dense(8, activation="relu")(row)))

    levelled = KerasModel(small, seed=0)
    not_levelled(monkeypatch)
    drawn = KerasModel(small, seed=0)
    for name, value in drawn.variables.items():
        np.testing.assert_array_equal(levelled.variables[name], value)


APPLICATIONS = {
    "EfficientNetV2B0": keras.applications.EfficientNetV2B0,
    "MobileNetV3Small": keras.applications.MobileNetV3Small,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_nets_of_many_gates_do_not_magnify_rounding(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EfficientNetV2B0 had errors of 0.8 at gates that were steps; MobileNetV3Small of 1e-4."""

    def build(kind: Callable[..., keras.Model] = APPLICATIONS[name]) -> keras.Model:
        return kind(weights=None, input_shape=(64, 64, 3), classifier_activation=None)

    inputs = {"input": probe_input((2, 64, 64, 3), scale=255)}
    assert worst_error(KerasModel(build, seed=seed), inputs) < 3e-5
    if name == "EfficientNetV2B0":
        not_levelled(monkeypatch)
        assert worst_error(KerasModel(build, seed=seed), inputs) > 0.1
