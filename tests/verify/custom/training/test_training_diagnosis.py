"""What trains otherwise in anybody's port is read off the numbers, mended, and run again."""

from collections.abc import Callable

import keras
import pytest
from torch import Tensor, nn

from examples.keras_small import KerasBatchNorm, Small, build
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.training.diagnose import diagnose_own_training
from verify.diagnosis.cause import UNEXPLAINED
from verify.diagnosis.training_diagnosis import TrainingDiagnosis


@pytest.fixture(scope="module")
def original() -> KerasModel:
    return KerasModel(build, seed=0)


def diagnosed(original: KerasModel, change: Callable[[Small], object]) -> TrainingDiagnosis:
    port = Small()
    change(port)
    spec = port_spec("small", original, port, probe_input((2, 15, 20, 3)))
    assert spec.training is not None
    return diagnose_own_training(spec.training)


def as_in_pytorch(port: Small) -> None:
    """What everybody writes at first; epsilon shows at inference, and is right here."""
    port.stem_bn, port.dw_bn = (nn.BatchNorm2d(16, eps=1e-3) for _ in range(2))


def slow(port: Small) -> None:
    port.dw_bn.momentum = 0.99


def still(port: Small) -> None:
    port.stem_bn.momentum = 0.0


def frozen(port: Small) -> None:
    port.gate.weight.requires_grad_(False)
    port.classes.bias.requires_grad_(False)


MOMENTUM, VARIANCE = "momentum {} instead of 0.01", "unbiased moving variance instead of biased"
FROZEN = "frozen, its requires_grad is off"
WRONG = {
    as_in_pytorch: [
        ("stem_bn/moving_mean", MOMENTUM.format(0.1), "and at 1 more"),
        ("stem_bn/moving_variance", VARIANCE, "and at 1 more"),
    ],
    slow: [("dw_bn/moving_mean", MOMENTUM.format(0.99), "")],
    still: [("stem_bn/moving_mean", MOMENTUM.format(0.0), "")],
    frozen: [("gradient/gate/kernel", FROZEN, "and at 1 more")],
}


@pytest.mark.parametrize("change", WRONG, ids=lambda change: change.__name__)
def test_what_is_wrong_is_named_and_mended(
    original: KerasModel, change: Callable[[Small], object]
) -> None:
    found = diagnosed(original, change)
    assert [(cause.tap, cause.name, cause.detail) for cause in found.causes] == WRONG[change]
    assert all(cause.explained > 1 - 1e-6 for cause in found.causes)
    assert found.confirmed
    assert found.lines[-1] == "confirmed: with that mended, every value of a step is the original's"


def test_what_the_numbers_do_not_say_is_not_guessed(original: KerasModel) -> None:
    class Detached(nn.Module):
        def __init__(self, gate: nn.Module) -> None:
            super().__init__()
            self.gate = gate

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.gate(x).detach()
            return y

    def detached(port: Small) -> None:
        port.gate_act = Detached(port.gate_act)  # type: ignore[assignment]

    found = diagnosed(original, detached)
    assert [cause.name for cause in found.causes] == [UNEXPLAINED]
    assert not found.confirmed
    assert found.lines == ["gradient/gate/bias: nothing that is known here explains it"]


def test_a_momentum_that_a_norm_does_not_use_is_not_blamed(original: KerasModel) -> None:
    class Stubborn(KerasBatchNorm):
        def forward(self, input: Tensor) -> Tensor:
            said, self.momentum = self.momentum, 0.1
            y: Tensor = super().forward(input)
            self.momentum = said
            return y

    def stubborn(port: Small) -> None:
        port.dw_bn = Stubborn(16)

    found = diagnosed(original, stubborn)
    assert [cause.name for cause in found.causes] == [UNEXPLAINED]


def test_a_port_that_refuses_to_train_is_still_told_about(original: KerasModel) -> None:
    class Refusing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise ValueError("Expected more than 1 value per channel when training")
            return x.clamp(0, 6)

    def refusing(port: Small) -> None:
        port.stem_act = Refusing()  # type: ignore[assignment]

    found = diagnosed(original, refusing)
    assert [cause.tap for cause in found.causes] == ["stem_bn/moving_mean"]
    assert [cause.name for cause in found.causes] == [UNEXPLAINED]


def test_statistics_that_the_original_leaves_alone() -> None:
    def build_still() -> keras.Model:
        image = keras.layers.Input((6, 5, 3))
        x = keras.layers.BatchNormalization(name="bn", momentum=1.0)(image)
        return keras.Model(image, keras.layers.Conv2D(4, 1, name="conv")(x))

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.BatchNorm2d(3, eps=1e-3, momentum=None)
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.conv(self.bn(x))
            return y

    spec = port_spec("still", KerasModel(build_still, seed=0), Port(), probe_input((2, 6, 5, 3)))
    assert spec.training is not None
    found = diagnose_own_training(spec.training)
    assert [cause.name for cause in found.causes] == ["momentum None instead of 0"]
    assert found.confirmed
