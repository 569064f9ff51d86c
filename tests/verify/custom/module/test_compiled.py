"""Ports that are TorchScript or exported programs: judged as modules are, or refused in a line."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.engine.training import compare_training
from verify.specs.spec import PortSpec

IMAGES = probe_input((2, 9, 9, 3))
EXAMPLE = torch.rand(2, 3, 9, 9)
WEIGHTS = {"conv/kernel", "norm/gamma", "same/kernel", "classes/kernel"}


def build() -> keras.Model:
    x = image = layers.Input((9, 9, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv")(x)
    x = layers.DepthwiseConv2D(3, use_bias=False, name="dw")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="act")(x)
    x = layers.Conv2DTranspose(4, 2, name="up")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    # Square kernels, of which only the kind of layer says how they lie.
    x = layers.Dense(4, activation="gelu", name="same")(x)
    return keras.Model(image, layers.Dense(2, name="classes")(x))


class Port(nn.Module):
    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, padding=1)
        self.dw = nn.Conv2d(4, 4, 3, groups=4, bias=False)
        self.norm, self.act = nn.BatchNorm2d(4, eps=epsilon), nn.ReLU()
        self.up = nn.ConvTranspose2d(4, 4, 2)
        self.same, self.classes = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.act(self.norm(self.dw(self.conv(x)))))
        return self.classes(F.gelu(self.same(x.mean((2, 3)))))


class Casts(Port):
    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.act(self.norm(self.dw(self.conv(x)))))
        return self.classes(F.gelu(self.same(x.to(torch.float32).mean((2, 3)))))


class Holds(Port):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * torch.tensor([0.1]))


def scripted(module: nn.Module) -> nn.Module:
    return torch.jit.script(module)


def traced(module: nn.Module) -> nn.Module:
    return torch.jit.trace(module.eval(), EXAMPLE)


def exported(module: nn.Module) -> Any:
    return torch.export.export(module.eval(), (EXAMPLE,))


def exported_module(module: nn.Module) -> nn.Module:
    return exported(module).module()


def with_scripted_inside(module: Port) -> nn.Module:
    module.same = torch.jit.script(module.same)
    return module


FORMS = [scripted, traced, exported, exported_module, with_scripted_inside]
# Where modules can be watched, and so the wrong one is named.
WATCHED = [exported, with_scripted_inside]


@pytest.fixture(scope="module")
def original() -> KerasModel:
    return KerasModel(build, seed=0)


def spec_of(original: KerasModel, port: Any, **given: Any) -> PortSpec:
    return port_spec("net", original, port, IMAGES, **given)


@pytest.mark.filterwarnings("ignore")  # of torch's own, at its own functions
@pytest.mark.parametrize("form", FORMS)
def test_a_compiled_port_is_judged(original: KerasModel, form: Callable[..., Any]) -> None:
    spec = spec_of(original, form(Port()))
    assert matching_of(spec).weights.keys() >= WEIGHTS
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    wrong = verify.compare_layers(spec_of(original, form(Port(epsilon=1e-5))))
    assert wrong.first_failure == ("norm" if form in WATCHED else "output")


@pytest.mark.parametrize("form", [scripted, exported])
def test_weights_that_are_in_it_are_compared(
    original: KerasModel, form: Callable[..., Any]
) -> None:
    port = Port()
    port.load_state_dict(spec_of(original, port).port.module.state_dict())  # type: ignore[attr-defined]
    assert verify.compare_layers(spec_of(original, form(port), loaded=True)).passed
    with torch.no_grad():
        port.norm.weight[1] += 1e-3
    wrong = verify.compare_layers(spec_of(original, form(port), loaded=True))
    assert not wrong.passed
    assert [v for tap in wrong.taps for v in tap.other_weights] == ["norm/gamma"]


REFUSED = [
    (scripted, Casts, "cannot be run in float64, since it casts to float32: give the module"),
    (traced, Casts, "cannot be run in float64, since it casts to float32"),
    (traced, Holds, "cannot be run in float64, since it "),
    (
        lambda port: torch.jit.freeze(scripted(port).eval()),
        Port,
        "it holds constants that are rounded",
    ),
    (lambda port: torch.export.export(port, (EXAMPLE,)), Port, "exported in training mode"),
    (lambda port: port.state_dict(), Port, "the port is a OrderedDict: give a torch.nn.Module"),
]


@pytest.mark.parametrize(("form", "port", "message"), REFUSED)
def test_what_cannot_be_judged_is_refused(
    original: KerasModel, form: Callable[..., Any], port: Callable[[], Port], message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        spec_of(original, form(port()))
    assert "\n" not in str(refused.value)


def test_another_batch_than_it_was_exported_for_is_refused(original: KerasModel) -> None:
    with pytest.raises(InputError, match="exported for other inputs: Guard failed"):
        port_spec("net", original, exported_module(Port()), IMAGES[:1])


@pytest.mark.parametrize("form", [scripted, traced, exported])
def test_training_needs_a_training_mode(original: KerasModel, form: Callable[..., Any]) -> None:
    training = spec_of(original, form(Port())).training
    assert training is not None
    if form is scripted:
        failing = [value.name for value in compare_training(training).values if not value.passed]
        # Its momentum and its unbiased variance are torch's; gradients are right.
        assert failing == ["norm/moving_mean", "norm/moving_variance"]
    else:
        with pytest.raises(InputError, match="a traced or exported port has no training mode"):
            compare_training(training)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.classes = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.rnn(x)[0][:, -1])


def test_recurrent_layers_keep_their_blocks() -> None:
    def lstm() -> keras.Model:
        x = layers.Input((5, 3))
        return keras.Model(x, layers.Dense(2, name="classes")(layers.LSTM(4, name="rnn")(x)))

    def spec(port: Any) -> PortSpec:
        return port_spec("net", KerasModel(lstm, seed=0), port, probe_input((2, 5, 3)))

    example = (torch.rand(2, 5, 3),)
    for port in (scripted(Recurrent()), torch.export.export(Recurrent().eval(), example)):
        assert verify.compare_layers(spec(port)).passed
    # Tracing fixes the first states, zeros in float32.
    with pytest.raises(InputError, match="some of it is in float32"):
        spec(torch.jit.trace(Recurrent(), example))
