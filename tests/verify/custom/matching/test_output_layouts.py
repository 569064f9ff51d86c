"""Right numbers in the wrong places: how an output may lie in the port, and how it may not."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers
from torch import Tensor, nn

from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.diagnosis.verify import verify as judge

Lay = Callable[[Tensor], Tensor]
BACK = "n l c -> n c l"


class Port(nn.Module):
    """A convolution of `[n, c, …]`, between what lays its input and its output out otherwise."""

    def __init__(self, convolution: nn.Module, before: Lay, behind: Lay) -> None:
        super().__init__()
        self.conv, self.before, self.behind = convolution, before, behind

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.conv(self.before(x)))


def as_it_is(x: Tensor) -> Tensor:
    return x


def last(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def second(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def sequences() -> keras.Model:
    return keras.Sequential([layers.Input((7, 4)), layers.Conv1D(5, 3, name="conv")])


def images() -> keras.Model:
    return keras.Sequential([layers.Input((7, 6, 4)), layers.Conv2D(5, 3, name="conv")])


def volumes() -> keras.Model:
    return keras.Sequential([layers.Input((5, 6, 7, 2)), layers.Conv3D(3, 3, name="conv")])


# Of what is built, how the port lies around its convolution, what is said, and whether it passes.
CASES = {
    "a sequence as it was": (sequences, nn.Conv1d(4, 5, 3), second, last, {}, True),
    "a sequence, not transposed back": (sequences, nn.Conv1d(4, 5, 3), second, as_it_is, {}, False),
    "the same, confirmed": (
        *(sequences, nn.Conv1d(4, 5, 3), second, as_it_is),
        {"output_layouts": {"output": BACK}},
        True,
    ),
    "a sequence with channels first, as its input": (
        *(sequences, nn.Conv1d(4, 5, 3), as_it_is, as_it_is),
        {"input_layouts": {"input": "n t k -> n k t"}},
        True,
    ),
    "confirmed, though it is no such layout": (
        *(sequences, nn.Conv1d(4, 5, 3), second, last),
        {"output_layouts": {"output": BACK}},
        False,
    ),
    "an axis more": (
        *(sequences, nn.Conv1d(4, 5, 3), second),
        *(lambda x: last(x)[..., None], {}, False),
    ),
    "an image, channels first": (images, nn.Conv2d(4, 5, 3), as_it_is, as_it_is, {}, True),
    "an image, channels last": (images, nn.Conv2d(4, 5, 3), as_it_is, last, {}, True),
    "an image, its rows in one": (
        *(images, nn.Conv2d(4, 5, 3), as_it_is),
        *(lambda x: x.flatten(2).mT, {}, False),
    ),
    "a volume, channels first": (volumes, nn.Conv3d(2, 3, 3), as_it_is, as_it_is, {}, True),
    "a volume, channels second to time": (
        *(volumes, nn.Conv3d(2, 3, 3), as_it_is, lambda x: x.transpose(1, 2), {}, False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_output_lies_as_one_expects_or_as_it_is_confirmed(case: str) -> None:
    build, convolution, before, behind, given, right = CASES[case]
    inputs = probe_input((2, *build().input_shape[1:]))
    port = Port(convolution, before, behind)
    report = judge(port_spec(case, KerasModel(build, seed=0), port, inputs, **given))
    assert report.passed == right, report.summary
    lines = matching_of(report).outputs
    if not right:
        assert report.first_failure == "output"
    if "transposed back" in case or "rows in one" in case or "to time" in case:
        assert report.diagnosis is not None
        assert "laid out as" in str(report.diagnosis.causes[0])
        assert report.diagnosis.confirmed
        assert "which is a mistake; if it is meant so, give output_layouts={'output': " in lines[0]
    elif "channels first" in case:
        assert lines and "mistake" not in lines[0]


def test_of_several_outputs_the_one_that_lies_wrong_is_named() -> None:
    def both() -> keras.Model:
        x = layers.Input((7, 4))
        y = layers.Conv1D(5, 3, name="conv")(x)
        return keras.Model(x, {"all": y, "mean": keras.ops.mean(y, 1)})

    class Both(Port):
        def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
            y = self.conv(x.mT)
            return {"all": y, "mean": y.mean(2)}

    port = Both(nn.Conv1d(4, 5, 3), as_it_is, as_it_is)
    spec = port_spec("both", KerasModel(both, seed=0), port, probe_input((2, 7, 4)))
    report = judge(spec)
    assert [tap.name for tap in report.taps if not tap.passed] == ["output/all"]
    assert report.diagnosis is not None
    assert report.diagnosis.confirmed


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"out": BACK}, "there is no output 'out', there is 'output'"),
        ({"output": "n h w c -> n c h w"}, "output_layouts: 'output' 2×5×5 has no such axes"),
        ({"output": "n l c"}, "a pattern looks like"),
    ],
)
def test_what_cannot_be_confirmed_is_refused(said: dict[str, str], told: str) -> None:
    port = Port(nn.Conv1d(4, 5, 3), second, as_it_is)
    with pytest.raises(InputError, match=told):
        port_spec("no", KerasModel(sequences, seed=0), port, np.ones((2, 7, 4), "float32"),
                  output_layouts=said)  # fmt: skip
