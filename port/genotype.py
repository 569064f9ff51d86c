"""Genotypes: an architecture as data, in the field names of the released code.

Source: google-research, `tiny_video_nets` (the search's output); paper arXiv 1910.06961, table 1.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from port.errors import InputError
from port.untrusted import MIB, parse_json, read_text

SPATIAL_TYPES = ("std", "1std", "depth", "maxpool", "avgpool")
TEMPORAL_TYPES = ("1d", "maxpool", "avgpool")
ACTIVATIONS = ("relu", "hswish")

_BYTES = MIB  # a block has some 400 characters
_PUBLISHED = Path(__file__).parent / "genotypes"
# The one field name of the released code that is no Python identifier.
_JSON_NAMES = {"inv_bottle": "inv-bottle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGenotype:
    """One block; `repeats` copies of it follow one another, strides only in the first.

    `expand`, `filters`: widths in channels; `squeeze`: fraction of the expanded width, 0 for none;
    `inputs`: for nets with `input_streams`, the one index of what the block reads (streams first,
    then blocks). `non_local` is carried along because the files hold it; the released code never
    reads it, nor does this.
    """

    spatial_type: str
    spatial_kernel: int
    spatial_stride: int
    temporal_type: str
    temporal_kernel: int
    temporal_stride: int
    filters: int
    expand: int
    repeats: int
    skip: int
    squeeze: float
    context_gate: int
    non_local: int = 0
    inv_bottle: int = 0
    act: str = "relu"
    spatial_act: str = "relu"
    temporal_act: str = "relu"
    inputs: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamGenotype:
    """One input stream: the clip's first `num_frames` frames at `image_size` pixels a side."""

    num_frames: int
    frame_stride: int
    image_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Genotype:
    """A whole net. `frame_stride` says how far apart in the video a clip's frames are.

    Either the three input fields or `input_streams` are given, never both.
    """

    blocks: tuple[BlockGenotype, ...]
    num_frames: int | None = None
    frame_stride: int | None = None
    image_size: int | None = None
    input_streams: tuple[StreamGenotype, ...] | None = field(default=None)

    @property
    def clip(self) -> StreamGenotype:
        """The clip to feed: frames, stride in frames, pixels a side (of the first stream)."""
        if self.input_streams:
            longest = max(stream.num_frames for stream in self.input_streams)
            return replace(self.input_streams[0], num_frames=longest)
        assert self.num_frames and self.frame_stride and self.image_size  # held by from_dict
        return StreamGenotype(
            num_frames=self.num_frames, frame_stride=self.frame_stride, image_size=self.image_size
        )

    def with_frames(self, num_frames: int) -> Self:
        """The same net for clips of `num_frames` frames (in every stream)."""
        _check_integer("num_frames", num_frames, at_least=1)
        if self.input_streams is None:
            return replace(self, num_frames=num_frames)
        streams = tuple(replace(stream, num_frames=num_frames) for stream in self.input_streams)
        return replace(self, input_streams=streams)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Genotype":
        """Check `data` (as read from JSON) field by field.

        Raises:
            InputError: an unknown, missing or wrong field, named with its block.
        """
        known = _check_fields(cls, data, "genotype")
        blocks = known.get("blocks")
        if not isinstance(blocks, list | tuple) or not blocks:
            raise InputError("genotype: 'blocks' must be a list of at least one block")
        known["blocks"] = tuple(_block(block, index) for index, block in enumerate(blocks))
        if known.get("input_streams") is not None:
            known["input_streams"] = _streams(known)
        else:
            for name in ("num_frames", "frame_stride", "image_size"):
                _check_integer(f"genotype: {name!r}", known.get(name), at_least=1)
        genotype = Genotype(**known)
        _check_inputs(genotype)
        return genotype

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Read JSON text; raises InputError where it is not JSON or no genotype."""
        return cls.from_dict(parse_json(text, "genotype", _BYTES))

    @classmethod
    def load(cls, model: "str | Path | Mapping[str, Any] | Genotype") -> "Genotype":
        """A published name, the path of a JSON file, a dict or a Genotype, as a Genotype."""
        if isinstance(model, Genotype):
            return model
        if isinstance(model, Mapping):
            return cls.from_dict(model)
        if str(model) in list_models():
            return cls.from_json((_PUBLISHED / f"{model}.json").read_text())
        if not os.path.exists(model):  # noqa: PTH110  # which no name is too long or strange for
            raise InputError(
                f"model {str(model)!r}: neither a published net ({' '.join(list_models())}) "
                "nor a genotype JSON file that is there"
            )
        text = read_text(model, _BYTES, "a genotype")
        try:
            return cls.from_json(text)
        except InputError as error:
            raise InputError(f"{model}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """The released code's own field names; `from_dict` gives the same genotype back."""
        data = {name: value for name, value in asdict(self).items() if value is not None}
        data |= {name: list(value) for name, value in data.items() if isinstance(value, tuple)}
        for block in data["blocks"]:
            for name, json_name in _JSON_NAMES.items():
                block[json_name] = block.pop(name)
            inputs = block.pop("inputs")
            if inputs is not None:
                block["inputs"] = list(inputs)
        return data

    def to_json(self) -> str:
        """The genotype as one line of JSON."""
        return json.dumps(self.to_dict())


def list_models() -> list[str]:
    """The names of the published nets."""
    return sorted(path.stem for path in _PUBLISHED.glob("*.json"))


_Record = TypeVar("_Record")


def _check_fields(kind: type[_Record], data: Any, where: str) -> dict[str, Any]:
    """The entries of `data` under Python names, none unknown, none missing."""
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: expected an object with named fields")
    declared = {_JSON_NAMES.get(f.name, f.name): f for f in fields(kind)}  # type: ignore[arg-type]
    for name in data:
        if name not in declared:
            raise InputError(f"{where}: unknown field {name!r}; known: {', '.join(declared)}")
    for name, declared_field in declared.items():
        if name not in data and declared_field.default is MISSING:
            raise InputError(f"{where}: field {name!r} is missing")
    return {declared[name].name: value for name, value in data.items()}


def _block(data: Any, index: int) -> BlockGenotype:
    where = f"genotype: block {index}"
    known = _check_fields(BlockGenotype, data, where)
    at_least = {"expand": 0, "skip": 0, "context_gate": 0, "non_local": 0, "inv_bottle": 0}
    for name in ("spatial_kernel", "spatial_stride", "temporal_kernel", "temporal_stride"):
        at_least[name] = 1
    at_least |= {"filters": 1, "repeats": 1}
    for name in at_least.keys() & known.keys():
        _check_integer(f"{where}: {_JSON_NAMES.get(name, name)!r}", known[name], at_least[name])
    choices = {"spatial_type": SPATIAL_TYPES, "temporal_type": TEMPORAL_TYPES}
    choices |= dict.fromkeys(("act", "spatial_act", "temporal_act"), ACTIVATIONS)
    for name in choices.keys() & known.keys():
        if known[name] not in choices[name]:
            raise InputError(
                f"{where}: {name!r} is {known[name]!r}; it must be one of {' '.join(choices[name])}"
            )
    squeeze = known["squeeze"]
    if isinstance(squeeze, bool) or not isinstance(squeeze, int | float) or not 0 <= squeeze < 1e6:
        raise InputError(f"{where}: 'squeeze' is {squeeze!r}; it must be a number from 0")
    known["squeeze"] = float(squeeze)
    if known.get("inputs") is not None:
        inputs = known["inputs"]
        if not isinstance(inputs, list | tuple) or len(inputs) != 1:
            raise InputError(f"{where}: 'inputs' is {inputs!r}; it must be a list of one index")
        _check_integer(f"{where}: 'inputs'", inputs[0], at_least=0)
        known["inputs"] = tuple(inputs)
    return BlockGenotype(**known)


def _streams(known: Mapping[str, Any]) -> tuple[StreamGenotype, ...]:
    for name in ("num_frames", "frame_stride", "image_size"):
        if known.get(name) is not None:
            raise InputError(f"genotype: {name!r} belongs into 'input_streams' where those stand")
    if not isinstance(known["input_streams"], list | tuple) or not known["input_streams"]:
        raise InputError("genotype: 'input_streams' must be a list of at least one stream")
    streams = []
    for index, data in enumerate(known["input_streams"]):
        where = f"genotype: input stream {index}"
        for name, value in _check_fields(StreamGenotype, data, where).items():
            _check_integer(f"{where}: {name!r}", value, at_least=1)
        streams.append(StreamGenotype(**data))
    return tuple(streams)


def _check_inputs(genotype: Genotype) -> None:
    """`inputs` of a block: there with streams, absent without, and nothing that comes later."""
    for index, block in enumerate(genotype.blocks):
        where = f"genotype: block {index}"
        if (block.inputs is None) != (genotype.input_streams is None):
            raise InputError(f"{where}: 'inputs' goes with 'input_streams'; give both or neither")
        if block.inputs and genotype.input_streams:
            available = len(genotype.input_streams) + index
            if block.inputs[0] >= available:
                raise InputError(
                    f"{where}: 'inputs' is {block.inputs[0]}, but only {available} "
                    "streams and blocks come before it"
                )


def _check_integer(where: str, value: Any, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise InputError(f"{where} is {value!r}; it must be a whole number from {at_least}")
