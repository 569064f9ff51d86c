"""Constants that a port holds in float32, which its original computes in every precision anew."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import Tensor, nn

from verify import KerasModel, port_spec, probe_input, verify

SEQUENCES = probe_input((2, 7, 8))


class Rotary(layers.Layer):
    """Turns pairs of channels by an angle that grows with the position.

    `single`: it counts and takes powers in float32 whatever it is fed, as layers of keras-hub do.
    """

    def __init__(self, single: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.single = single

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        dtype = "float32" if self.single else x.dtype
        base = ops.cast(100, dtype)
        angles = ops.arange(7, dtype=dtype)[:, None] / base ** (ops.arange(4, dtype=dtype) / 4)
        a, b = ops.split(x, 2, -1)
        cosine, sine = (ops.cast(turn(angles), x.dtype) for turn in (ops.cos, ops.sin))
        return ops.concatenate([a * cosine - b * sine, b * cosine + a * sine], -1)


def build(single: bool = False) -> keras.Model:
    x = tokens = layers.Input((7, 8))
    x = layers.Dense(8, name="query")(x)
    x = Rotary(single, name="rotary")(x)
    return keras.Model(tokens, layers.Dense(3, name="classes")(x))


class Port(nn.Module):
    """With the frequencies in a buffer, as such ports have them, right or wrong."""

    def __init__(self, base: float = 100.0, mean: float = 0.0, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.query, self.classes = nn.Linear(8, 8), nn.Linear(8, 3)
        frequencies = 1 / base ** (torch.arange(4) / 4)
        self.register_buffer("frequencies", frequencies.float(), persistent=False)
        self.register_buffer("mean", torch.tensor(mean), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.query(x - self.mean).chunk(2, -1)
        angles = torch.arange(7, device=x.device)[:, None] * self.frequencies
        cosine, sine = angles.cos(), angles.sin()
        turned = torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)
        return self.classes(turned) * self.factor


def spec(port: nn.Module, make: Callable[[], keras.Model] = build) -> object:
    return port_spec("rotary", KerasModel(make, seed=0), port, SEQUENCES)


def test_what_their_rounding_explains_is_no_bug() -> None:
    report = verify(spec(Port()))
    assert report.passed, report.summary
    assert report.about.matching.settled.startswith("the outputs agree in float64")
    assert report.taps[-1].accumulated.function.relative > 1e-10, "nothing was rounded"
    assert "frequencies: known to float32 only" in "".join(report.about.notes)


@pytest.mark.parametrize("base", [101.0, 100.01, 100.001])
def test_another_constant_fails(base: float) -> None:
    assert not verify(spec(Port(base))).passed


def test_no_more_is_granted_than_their_rounding_explains() -> None:
    *_, output = verify(spec(Port(factor=1 + 5e-7))).taps
    assert not output.accumulated.same_function


def test_an_original_that_counts_in_float32_is_the_truth_in_float64() -> None:
    exact = Port()
    exact.frequencies = 1 / 100.0 ** (torch.arange(4, dtype=torch.float64) / 4)
    report = verify(spec(exact, partial(build, True)))
    assert report.passed, report.summary
    assert report.taps[-1].accumulated.function.relative < 1e-14
    assert "rotary: casts to float32 inside" in "".join(report.about.notes)
    assert verify(spec(Port(), partial(build, True))).passed
    assert not verify(spec(Port(100.001), partial(build, True))).passed


def test_training_with_them_is_judged_too() -> None:
    assert verify(spec(Port()), "training").passed
    assert not verify(spec(Port(100.01)), "training").further["training"].passed


def test_a_constant_that_somebody_wrote_is_known_to_all_digits() -> None:
    def centred() -> keras.Model:
        x = tokens = layers.Input((7, 8))
        x = layers.Dense(8, name="query")(x - 0.485)
        return keras.Model(tokens, layers.Dense(3, name="classes")(Rotary(name="rotary")(x)))

    right = Port(mean=0.485)
    right.frequencies = 1 / 100.0 ** (torch.arange(4, dtype=torch.float64) / 4)
    report = verify(spec(right, centred))
    assert report.passed, report.summary
    assert report.taps[-1].accumulated.function.relative < 1e-14
    assert float(np.float32(0.485)) != 0.485
