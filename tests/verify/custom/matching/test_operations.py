"""Operations between modules have taps: right in any style, and wrong ones named themselves."""

import re
from collections.abc import Mapping

import pytest
from torch import Tensor

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from tests.verify.custom.matching.functional_port import (
    IMAGES,
    QUICK,
    RIGHT,
    USUAL,
    WRONG,
    Kept,
    Port,
    Step,
    nothing,
)
from verify.custom import KerasModel, port_spec
from verify.diagnosis.diagnose import diagnose
from verify.specs.spec import PortSpec


@pytest.fixture(scope="module")
def original() -> KerasModel:
    return Kept()


def spec_of(original: KerasModel, steps: Mapping[str, Step]) -> PortSpec:
    return port_spec("functional", original, Port(steps), IMAGES)


# In some styles a step is no single operation: it is judged with what reads it.
WITHOUT_TAP = ([], ["pad"], ["gelu", "cat"], [], ["pad"])


@pytest.mark.parametrize("style", range(5))
def test_a_right_port_passes_in_any_style(original: KerasModel, style: int) -> None:
    steps = {name: several[style % len(several)] for name, several in RIGHT.items()}
    spec = spec_of(original, steps)
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert matching_of(spec).unplaced == WITHOUT_TAP[style]
    assert not matching_of(spec).not_compared


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(m, marks=() if m in QUICK else pytest.mark.slow) for m in WRONG],
)
def test_a_wrong_operation_is_named_itself(original: KerasModel, mistake: str) -> None:
    tap, wrong, cause = WRONG[mistake]
    spec = spec_of(original, {**USUAL, tap: wrong})
    report = verify.compare_layers(spec)
    assert report.first_failure == tap
    assert [t.name for t in report.taps if not t.isolated or not t.isolated.passed] == [tap]
    assert any(cause in line for line in diagnose(spec, report).lines)


def test_what_was_forgotten_is_told_with_the_line_that_reads_on(original: KerasModel) -> None:
    for name, told in (
        (
            "gelu",
            r"gelu is not in the port, where functional_port.py:\d+ mean reads second as it is",
        ),
        ("pad", r"pad is not in the port, where second reads .*:\d+ relu6 as it is, funct.*py:\d+"),
    ):
        (line,) = matching_of(spec_of(original, {**USUAL, name: nothing})).missing
        assert re.fullmatch(told, line), line


def test_places_are_lines_and_stay_the_same(original: KerasModel) -> None:
    first, again = (matching_of(spec_of(original, USUAL)).taps for _ in range(2))
    assert first == again
    place = first["act"].partition(" (")[0]
    assert re.fullmatch(r"functional_port.py:\d+ relu6", place)
    spec = port_spec("said", original, Port(USUAL), IMAGES, taps={"act": place})
    assert matching_of(spec).recognised_by["what it computes"] == 13
    assert verify.compare_layers(spec).passed
    with pytest.raises(InputError, match="did not work"):
        port_spec("wrong", original, Port(USUAL), IMAGES, taps={"act": "nowhere.py:1 relu6"})


def test_a_view_that_is_written_to_later_is_no_tap(original: KerasModel) -> None:
    """Its base must change with it, so it cannot be replaced."""

    def cropped(x: Tensor) -> Tensor:
        part = x[:, :, 1:]
        part += 1
        return x[:, :, 1:] - 1

    spec = spec_of(original, {**USUAL, "crop": cropped})
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert "sub" in matching_of(spec).taps["crop"]
