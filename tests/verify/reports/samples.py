"""Reports of every kind, small and made once, that pages, schemas and lists are tried on."""

from dataclasses import replace
from functools import cache

import keras
from keras import layers
from torch import Tensor, nn

from tests.verify.nets import EVERY_LAYER
from verify import (
    KerasModel,
    Report,
    Subject,
    TrajectoryReport,
    compare_layers,
    layers_spec,
    port_spec,
    probe_input,
    tvn_spec,
    verify,
)
from verify.numerics.compare import Difference
from verify.tvn.low_precision import Agreement, LowPrecisionReport

GUILTY = "Block-1-0/STConvs/batch_normalization_1"


SUBJECT = Subject(EVERY_LAYER, num_classes=7)


@cache
def tvn_passing() -> Report:
    """A right Tiny Video Network, with a course of training and bfloat16 as they could come out."""
    report = compare_layers(layers_spec(SUBJECT))
    further = {"onnx": replace(report, name="tvn (onnx)"), "trajectory": COURSE, "bfloat16": ROUGH}
    return replace(report, further=further)


@cache
def tvn_failing() -> Report:
    """The same net with another epsilon in one batch norm, and why."""
    net = SUBJECT.build_right_port()
    net.get_submodule("blocks.1.0.path.spatial.norm").eps = 1e-3
    return verify(tvn_spec(replace(SUBJECT, net=net)))


def tvn_full() -> Report:
    """A right one at the level that judges all there is; takes minutes."""
    return verify(tvn_spec(SUBJECT), "full", also=["bfloat16", "onnx", "folded"])


COURSE = TrajectoryReport(
    "tvn: trajectory",
    float64=[2e-15 * 1.4**step for step in range(12)],
    crossed=[[8e-7 * 1.3**step * by for by in (0.8, 1, 1.5)] for step in range(12)],
    own=[[9e-7 * 1.3**step] for step in range(12)],
    rounded=[[7e-7 * 1.3**step * by for by in (0.9, 1.2)] for step in range(12)],
    losses={"original": [2.0] * 12, "port": [2.0] * 12},
)
_CLEAR = Agreement(1.0, 60, 1.0, 5)
ROUGH = LowPrecisionReport(
    "tvn (bfloat16)", {"conv2d": Difference(0.02, 0.004, 1.0)}, _CLEAR, _CLEAR
)


def build() -> keras.Model:
    x = image = layers.Input((8, 9, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(layers.ReLU(6, name="stem_act")(x))
    return keras.Model(image, layers.Dense(3, name="classes")(x))


class Port(nn.Module):
    def __init__(self, eps: float, momentum: float, capped: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.stem_bn = nn.BatchNorm2d(4, eps, momentum)
        self.stem_act = nn.ReLU6() if capped else nn.ReLU()
        self.classes = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.stem_act(self.stem_bn(self.stem(x))).mean((2, 3)))


def _own(port: nn.Module, level: str) -> Report:
    inputs = probe_input((2, 8, 9, 3))
    return verify(port_spec("mine", KerasModel(build, seed=0), port, inputs), level)


@cache
def own_passing() -> Report:
    """Somebody's port, with further inputs."""
    return _own(Port(1e-3, 0.01, True), "probes")


@cache
def own_failing() -> Report:
    """Another epsilon, no cap, and torch's own momentum."""
    return _own(Port(1e-5, 0.1, False), "training")


SAMPLES = {
    "tvn, right": tvn_passing,
    "tvn, wrong": tvn_failing,
    "own, right": own_passing,
    "own, wrong": own_failing,
}
