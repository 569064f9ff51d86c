"""What a genotype may ask for is bounded, and answered before it takes memory."""

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import port
from port import Genotype, InputError
from tests.port.test_genotype import BLOCK, NET, STREAM, STREAMS

HUGE = 10**30
FIELDS = (
    "spatial_kernel", "spatial_stride", "temporal_kernel", "temporal_stride", "filters", "expand",
    "repeats", "skip", "squeeze", "context_gate", "non_local", "inv-bottle",
)  # fmt: skip


def of_block(**change: Any) -> dict[str, Any]:
    return {**NET, "blocks": [{**BLOCK, **change}]}


def nested(depth: int) -> list[Any]:
    lists: list[Any] = []
    for _ in range(depth):
        lists = [lists]
    return lists


ABSURD: dict[str, Any] = {  # by name, since pytest cannot print them all
    "large": 4 * 10**9,
    "too large for 64 bits": HUGE,
    "too large to be printed": 10**5000,
    "far below nothing": -(10**5000),
    "nested": nested(10**5),
}


@pytest.mark.parametrize("absurd", ABSURD)
@pytest.mark.parametrize("field", FIELDS)
def test_an_absurd_field_of_a_block_is_named(field: str, absurd: str) -> None:
    with pytest.raises(InputError, match=rf"^genotype: block 0: '{field}' is .{{1,600}}$"):
        Genotype.from_dict(of_block(**{field: ABSURD[absurd]}))


@pytest.mark.parametrize("kind", ABSURD)
@pytest.mark.parametrize("field", STREAM)
def test_an_absurd_field_of_a_clip_or_a_stream_is_named(field: str, kind: str) -> None:
    value = ABSURD[kind]
    for absurd in ({**NET, field: value}, {**STREAMS, "input_streams": [{**STREAM, field: value}]}):
        with pytest.raises(InputError, match=f"'{field}' is "):
            Genotype.from_dict(absurd)


@pytest.mark.parametrize(
    ("absurd", "told"),
    [
        ({**NET, "num_frames": 10**5, "image_size": 10**3}, "100,000,000,000 pixels"),
        ({**STREAMS, "input_streams": [{**STREAM, "image_size": 4096}] * 3}, "pixels"),
        ({**NET, "blocks": [BLOCK] * 10**5}, "100000 blocks"),
        ({**NET, "blocks": [{**BLOCK, "repeats": 200}] * 2}, "400 repeats"),
        (of_block(filters=60_000, expand=2), "'filters' times 'expand' is 120,000"),
    ],
)
def test_many_of_what_is_bounded_alone_are_refused(absurd: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=rf"^genotype: .*{told}"):
        Genotype.from_dict(absurd)


def test_other_frames_are_bounded_too() -> None:
    with pytest.raises(InputError, match="num_frames"):
        port.create_model("tvn1", num_frames=HUGE)
    with pytest.raises(InputError, match="num_frames: clips of"):
        port.create_model("tvn1", num_frames=10**6)


@pytest.mark.parametrize(
    "absurd",
    [
        of_block(filters=60_000, expand=0),
        of_block(filters=1000, spatial_kernel=255),
        of_block(filters=60_000, spatial_type="maxpool", expand=1, squeeze=999_999.0),
        of_block(filters=500, repeats=200, spatial_kernel=9),
    ],
)
def test_weights_are_counted_before_there_is_memory_for_them(
    absurd: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(net: nn.Module, **_: Any) -> None:
        raise AssertionError("memory was taken")

    monkeypatch.setattr(nn.Module, "to_empty", take)
    with pytest.raises(InputError, match=r"^genotype: a net of [\d,]+ weights; at most "):
        port.create_model(absurd)
    with pytest.raises(AssertionError, match="memory was taken"):
        port.create_model(NET)


@pytest.mark.parametrize("classes", [-1, 10**6 + 1, HUGE])
def test_an_absurd_number_of_classes_is_refused(classes: int) -> None:
    with pytest.raises(InputError, match="num_classes"):
        port.create_model(NET, num_classes=classes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"blocks": ' + "[" * 10**5 + "]" * 10**5 + "}", "nested over"),
        ('{"a":' * 10**5, "nested over"),
        (json.dumps(NET).replace('"filters": 4', f'"filters": {"9" * 5000}'), "5,000 digits"),
        (" " * (1 << 20) + json.dumps(NET), "bytes"),
        (json.dumps({**NET, "\x1b[2J" * 10**4: 1}), r"unknown field '\\x1b"),
    ],
    ids=["nested", "unclosed", "digits", "long", "escapes"],
)
def test_an_absurd_file_is_told_in_one_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told) as refused:
        Genotype.load(path)
    assert str(refused.value).startswith(str(path)) and len(str(refused.value)) < 2000
    assert str(refused.value).isprintable()
