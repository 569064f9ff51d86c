"""The port's optimizers and moving averages against TensorFlow's own, step by step in float64.

The gradients are given, of all sizes that make epsilon matter and not, and the learning rate
changes on the way; so nothing but the optimizer is compared.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from port.optim import AdamTF, RMSpropTF, as_float32, moving_average_like_tf
from reference_tf.optimizers import make_optimizer

v1 = tf.compat.v1
STEPS = 25
LATER_RATE, LATER = 0.02, 10
SAME = 1e-13  # of the largest weight

MakeOptimizer = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]


def sgd(params: list[torch.nn.Parameter], **options: Any) -> torch.optim.Optimizer:
    """Torch's own, with hyper-parameters as TensorFlow holds them."""
    rounded = {k: as_float32(v) if isinstance(v, float) else v for k, v in options.items()}
    return torch.optim.SGD(params, **rounded)


# TensorFlow's optimizer, its options, and what is to match it.
MATCHES: dict[str, tuple[str, dict[str, Any], MakeOptimizer]] = {
    "sgd": ("momentum", {"momentum": 0.0}, lambda p: sgd(p, lr=0.1)),
    "momentum": ("momentum", {"momentum": 0.9}, lambda p: sgd(p, lr=0.1, momentum=0.9)),
    "nesterov": (
        "momentum",
        {"momentum": 0.9, "use_nesterov": True},
        lambda p: sgd(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "momentum, L2": (
        "momentum",
        {"momentum": 0.9, "weight_decay": 0.03},
        lambda p: sgd(p, lr=0.1, momentum=0.9, weight_decay=0.03),
    ),
    "rmsprop": ("rmsprop", {}, lambda p: RMSpropTF(p, 0.1)),
    "rmsprop, momentum": (
        "rmsprop",
        {"decay": 0.95, "momentum": 0.9, "epsilon": 1e-3},
        lambda p: RMSpropTF(p, 0.1, alpha=0.95, momentum=0.9, eps=1e-3),
    ),
    "rmsprop, L2": (
        "rmsprop",
        {"momentum": 0.9, "weight_decay": 0.03},
        lambda p: RMSpropTF(p, 0.1, momentum=0.9, weight_decay=0.03),
    ),
    "adam": ("adam", {}, lambda p: AdamTF(p, 0.1)),
    "adam, large epsilon": (
        "adam",
        {"beta1": 0.8, "beta2": 0.99, "epsilon": 0.1},
        lambda p: AdamTF(p, 0.1, (0.8, 0.99), 0.1),
    ),
    "adam, L2": ("adam", {"weight_decay": 0.03}, lambda p: AdamTF(p, 0.1, weight_decay=0.03)),
    "adam, decoupled": (
        "adam",
        {"weight_decay": 0.03, "decoupled": True},
        lambda p: AdamTF(p, 0.1, weight_decay=0.03, decoupled=True),
    ),
}

# Torch's namesakes at TensorFlow's settings, and by how much they miss at the least.
MISSES: dict[str, tuple[str, dict[str, Any], MakeOptimizer]] = {
    "rmsprop": ("rmsprop", {}, lambda p: torch.optim.RMSprop(p, 0.1, alpha=0.9, eps=1e-10)),
    "adam": ("adam", {"epsilon": 1e-3}, lambda p: torch.optim.Adam(p, 0.1, eps=1e-3)),
    "decoupled": (
        "adam",
        {"weight_decay": 0.03, "decoupled": True},
        lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.03),
    ),
}


def start() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 50))


def gradients() -> list[np.ndarray]:
    """Of every size from 1e-6 to 1, column by column."""
    draw = np.random.default_rng(1)
    return [draw.normal(size=(4, 50)) * np.logspace(-6, 0, 50) for _ in range(STEPS)]


def run_tensorflow(kind: str, options: Mapping[str, Any]) -> list[np.ndarray]:
    """The weights after every step."""
    with tf.Graph().as_default(), v1.Session() as session:
        weights = v1.get_variable("w", initializer=start(), use_resource=True)
        gradient = v1.placeholder(tf.float64, weights.shape)
        rate = v1.placeholder(tf.float32, ())
        step = make_optimizer(kind, learning_rate=rate, **options)([(gradient, weights)])
        session.run(v1.global_variables_initializer())
        trace = []
        for index, value in enumerate(gradients()):
            feeds = {gradient: value, rate: LATER_RATE if index >= LATER else 0.1}
            session.run(step, feeds)
            trace.append(session.run(weights))
        return trace


def run_torch(make: MakeOptimizer) -> list[np.ndarray]:
    """Likewise."""
    weights = torch.nn.Parameter(torch.from_numpy(start()))
    optimizer, trace = make([weights]), []
    for index, value in enumerate(gradients()):
        if index == LATER:
            optimizer.param_groups[0]["lr"] = as_float32(LATER_RATE)
        weights.grad = torch.from_numpy(value)
        optimizer.step()
        trace.append(weights.detach().numpy().copy())
    return trace


def error(found: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """The largest of any step, relative to the largest weight."""
    return float(np.abs(np.array(found) - np.array(truth)).max() / np.abs(np.array(truth)).max())


@pytest.mark.parametrize("name", MATCHES)
def test_every_step_is_tensorflows(name: str) -> None:
    kind, options, make = MATCHES[name]
    assert error(run_torch(make), run_tensorflow(kind, options)) <= SAME


@pytest.mark.parametrize("name", MISSES)
def test_the_namesake_of_torch_is_another(name: str) -> None:
    kind, options, make = MISSES[name]
    assert error(run_torch(make), run_tensorflow(kind, options)) > 1e-3


def test_an_optimizer_goes_on_where_its_state_was_saved() -> None:
    def reload_half_way(make: MakeOptimizer) -> np.ndarray:
        weights = torch.nn.Parameter(torch.from_numpy(start()))
        optimizer = make([weights])
        for index, value in enumerate(gradients()):
            if index == LATER:
                state = optimizer.state_dict()
                optimizer = make([weights])
                optimizer.load_state_dict(state)
                optimizer.param_groups[0]["lr"] = as_float32(LATER_RATE)
            weights.grad = torch.from_numpy(value)
            optimizer.step()
        return weights.detach().numpy()

    for name in ("rmsprop, momentum", "adam"):
        make = MATCHES[name][2]
        np.testing.assert_array_equal(reload_half_way(make), run_torch(make)[-1])


def average_tensorflow(decay: float, count_updates: bool) -> list[np.ndarray]:
    """TensorFlow's average of the weights, which move by each gradient, after every step."""
    with tf.Graph().as_default(), v1.Session() as session:
        weights = v1.get_variable("w", initializer=start(), use_resource=True)
        step = v1.train.get_or_create_global_step()
        averages = tf.train.ExponentialMovingAverage(decay, step if count_updates else None)
        gradient = v1.placeholder(tf.float64, weights.shape)
        with tf.control_dependencies([weights.assign_sub(gradient), step.assign_add(1)]):
            update = averages.apply([weights])
        session.run(v1.global_variables_initializer())
        trace = []
        for value in gradients():
            session.run(update, {gradient: value})
            trace.append(session.run(averages.average(weights)))
        return trace


def average_torch(**how: Any) -> list[np.ndarray]:
    """Likewise, with torch's `AveragedModel`."""
    model = torch.nn.Module()
    model.weights = torch.nn.Parameter(torch.from_numpy(start()))
    averaged = AveragedModel(model, **how)
    averaged.update_parameters(model)
    trace = []
    for value in gradients():
        with torch.no_grad():
            model.weights -= torch.from_numpy(value)
        averaged.update_parameters(model)
        trace.append(averaged.module.weights.detach().numpy().copy())
    return trace


@pytest.mark.parametrize("count_updates", [False, True])
@pytest.mark.parametrize("decay", [0.5, 0.999, 0.9999])
def test_every_moving_average_is_tensorflows(decay: float, count_updates: bool) -> None:
    found = average_torch(avg_fn=moving_average_like_tf(decay, count_updates))
    assert error(found, average_tensorflow(decay, count_updates)) <= SAME


def test_torchs_own_moving_average_has_another_decay() -> None:
    truth = average_tensorflow(0.9999, count_updates=False)
    found = average_torch(multi_avg_fn=get_ema_multi_avg_fn(0.9999))
    moved = np.abs(np.array(truth) - start()).max() / np.abs(np.array(truth)).max()
    assert error(found, truth) > 1e-4 * moved
