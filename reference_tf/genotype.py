"""The genotype's JSON text, with the released code's defaults filled in."""

import json
from dataclasses import dataclass
from typing import Any

from reference_tf.errors import GenotypeError

REQUIRED = (
    "spatial_type spatial_kernel spatial_stride temporal_type temporal_kernel temporal_stride "
    "filters expand repeats skip squeeze context_gate"
).split()
DEFAULTS = {
    "non_local": 0,  # in every file, read by nothing in the released code
    "inv-bottle": 0,
    "act": "relu",
    "spatial_act": "relu",
    "temporal_act": "relu",
    "inputs": None,
}
CHOICES = {
    "spatial_type": {"std", "1std", "depth", "maxpool", "avgpool"},
    "temporal_type": {"1d", "maxpool", "avgpool"},
    "act": {"relu", "hswish"},
    "spatial_act": {"relu", "hswish"},
    "temporal_act": {"relu", "hswish"},
}
POSITIVE = (
    "spatial_kernel spatial_stride temporal_kernel temporal_stride filters repeats "
    "num_frames frame_stride image_size"
).split()
NOT_NEGATIVE = "expand skip squeeze context_gate non_local inv-bottle".split()
CLIP_FIELDS = ("num_frames", "frame_stride", "image_size")


@dataclass(frozen=True)
class Genotype:
    """`blocks` as dicts with every field present; `streams` is None for single-stream nets.

    `num_frames` and `image_size` are those of the clip, or of the first stream.
    """

    blocks: list[dict[str, Any]]
    streams: list[dict[str, int]] | None
    num_frames: int
    image_size: int


def parse_genotype(text: str) -> Genotype:
    """Read a genotype in the released code's field names; raises GenotypeError."""
    data = json.loads(text)
    streams = data.get("input_streams")
    _check_names(data, {"blocks", "input_streams", *CLIP_FIELDS}, ["blocks"], "genotype")
    if not data["blocks"]:
        raise GenotypeError("genotype: no blocks")
    for index, stream in enumerate(streams or [data]):
        where = f"stream {index}" if streams else "genotype"
        allowed = set(CLIP_FIELDS) if streams else set(data)
        _check_names(stream, allowed, CLIP_FIELDS, where)
        _check_values(stream, where)
    blocks = [
        _complete(block, index, len(streams) if streams else None)
        for index, block in enumerate(data["blocks"])
    ]
    first = streams[0] if streams else data
    return Genotype(blocks, streams, first["num_frames"], first["image_size"])


def _complete(block: dict[str, Any], index: int, streams: int | None) -> dict[str, Any]:
    where = f"block {index}"
    _check_names(block, {*REQUIRED, *DEFAULTS}, REQUIRED, where)
    _check_values(block, where)
    inputs = block.get("inputs")
    if (inputs is None) != (streams is None):
        raise GenotypeError(f"{where}: 'inputs' goes with 'input_streams'")
    if inputs and streams and not (len(inputs) == 1 and 0 <= inputs[0] < streams + index):
        raise GenotypeError(f"{where}: 'inputs' {inputs} names nothing that comes before")
    return {**DEFAULTS, **block}


def _check_names(data: Any, allowed: set[str], required: Any, where: str) -> None:
    if unknown := set(data) - allowed:
        raise GenotypeError(f"{where}: unknown fields {sorted(unknown)}")
    if missing := [name for name in required if name not in data]:
        raise GenotypeError(f"{where}: missing fields {missing}")


def _check_values(data: dict[str, Any], where: str) -> None:
    for names, least in ((POSITIVE, 1), (NOT_NEGATIVE, 0)):
        for name in names:
            if name in data and not data[name] >= least:
                raise GenotypeError(f"{where}: {name!r} is {data[name]!r}, below {least}")
    for name, choices in CHOICES.items():
        if name in data and data[name] not in choices:
            raise GenotypeError(f"{where}: {name!r} is {data[name]!r}, not one of {choices}")
