"""A genotype is read in the released code's field names, checked field by field, and kept whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from port import Genotype, InputError, list_models
from tests.strategies import genotypes

BLOCK: dict[str, Any] = {
    "spatial_type": "std",
    "spatial_kernel": 3,
    "spatial_stride": 2,
    "temporal_type": "1d",
    "temporal_kernel": 2,
    "temporal_stride": 1,
    "filters": 4,
    "expand": 2,
    "repeats": 1,
    "skip": 1,
    "squeeze": 0.5,
    "context_gate": 0,
}
NET: dict[str, Any] = {"num_frames": 2, "frame_stride": 4, "image_size": 16, "blocks": [BLOCK]}
STREAM = {"num_frames": 2, "frame_stride": 4, "image_size": 16}
STREAMS: dict[str, Any] = {"input_streams": [STREAM], "blocks": [{**BLOCK, "inputs": [0]}]}


@given(genotype=genotypes())
def test_a_genotype_survives_its_dict_and_its_json(genotype: Genotype) -> None:
    assert Genotype.from_dict(genotype.to_dict()) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype


@pytest.mark.parametrize("name", list_models())
def test_published_files_lose_nothing(name: str) -> None:
    text = (Path(__file__).parents[2] / "port" / "genotypes" / f"{name}.json").read_text()
    published, kept = json.loads(text), Genotype.from_json(text).to_dict()
    kept["blocks"] = [
        {name: value for name, value in block.items() if name in old}
        for block, old in zip(kept["blocks"], published["blocks"], strict=True)
    ]
    assert json.loads(json.dumps(kept)) == published


def test_fields_left_out_have_the_released_codes_defaults() -> None:
    (block,) = Genotype.from_dict(NET).blocks
    assert (block.act, block.spatial_act, block.temporal_act) == ("relu",) * 3
    assert (block.non_local, block.inv_bottle, block.inputs) == (0, 0, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spatial_type", "conv"),
        ("temporal_type", "std"),
        ("act", "swish"),
        ("spatial_act", None),
        ("temporal_act", ["relu"]),
        *((name, 0) for name in ("spatial_kernel", "temporal_kernel", "filters", "repeats")),
        *((name, -1) for name in ("spatial_stride", "temporal_stride", "expand", "skip")),
        ("inv-bottle", -1),
        ("filters", 4.0),
        ("filters", "4"),
        ("skip", True),
        ("squeeze", -0.1),
        ("squeeze", float("nan")),
        ("squeeze", float("inf")),
        ("squeeze", "0.5"),
        ("inputs", [0]),
        ("kernel", 3),
        ("inv_bottle", 1),
    ],
)
def test_a_wrong_field_of_a_block_is_named(field: str, value: Any) -> None:
    broken = {**NET, "blocks": [BLOCK, {**BLOCK, field: value}]}
    with pytest.raises(InputError, match=rf"block 1\b.*'{field}'"):
        Genotype.from_dict(broken)


@pytest.mark.parametrize("field", BLOCK)
def test_a_missing_field_of_a_block_is_named(field: str) -> None:
    block = {name: value for name, value in BLOCK.items() if name != field}
    with pytest.raises(InputError, match=rf"block 0\b.*'{field}' is missing"):
        Genotype.from_dict({**NET, "blocks": [block]})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"num_frames": 0}, "'num_frames'"),
        ({"frame_stride": None}, "'frame_stride'"),
        ({"image_size": "224"}, "'image_size'"),
        ({"size": 224}, "'size'"),
        ({"blocks": []}, "'blocks'"),
        ({"blocks": {}}, "'blocks'"),
        ({"blocks": [3]}, "block 0"),
        ({"input_streams": [STREAM]}, "'num_frames' belongs into 'input_streams'"),
    ],
)
def test_a_wrong_field_of_the_net_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Genotype.from_dict({**NET, **change})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_streams": []}, "'input_streams'"),
        ({"input_streams": [{**STREAM, "num_frames": -1}]}, "input stream 0: 'num_frames'"),
        ({"input_streams": [{**STREAM, "fps": 3}]}, "input stream 0: .*'fps'"),
        ({"blocks": [BLOCK]}, "block 0: 'inputs'"),
        ({"blocks": [{**BLOCK, "inputs": [1]}]}, "block 0: 'inputs'"),  # itself
        ({"blocks": [{**BLOCK, "inputs": [-1]}]}, "block 0: 'inputs'"),
        ({"blocks": [{**BLOCK, "inputs": [0, 0]}]}, "block 0: 'inputs'"),
        ({"blocks": [{**BLOCK, "inputs": 0}]}, "block 0: 'inputs'"),
    ],
)
def test_a_wrong_field_of_a_net_with_streams_is_named(change: dict[str, Any], named: str) -> None:
    Genotype.from_dict(STREAMS)
    with pytest.raises(InputError, match=named):
        Genotype.from_dict({**STREAMS, **change})


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000])
def test_what_is_no_genotype_is_refused_with_its_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"net\.json: genotype"):
        Genotype.load(path)


def test_a_name_that_is_neither_net_nor_file_is_answered_with_the_names() -> None:
    with pytest.raises(InputError, match=r"'tvn9'.*tvn1 tvn2 tvn3 tvn4 tvn_mobile_1 tvn_mobile_2"):
        Genotype.load("tvn9")


def test_frames_can_be_changed_in_every_stream() -> None:
    assert Genotype.from_dict(NET).with_frames(5).clip.num_frames == 5
    streams = Genotype.from_dict(STREAMS).with_frames(5).input_streams
    assert streams and all(stream.num_frames == 5 for stream in streams)
    with pytest.raises(InputError, match="num_frames"):
        Genotype.from_dict(NET).with_frames(0)
