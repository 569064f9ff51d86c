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
from port.text import visible
from port.untrusted import MIB, parse_json, read_text

SPATIAL_TYPES = ("std", "1std", "depth", "maxpool", "avgpool")
TEMPORAL_TYPES = ("1d", "maxpool", "avgpool")
ACTIVATIONS = ("relu", "hswish")

# What a genotype may ask for at most. The published ones have 26 repeats, kernels of 5, 2,560
# channels and clips of up to 8 frames or 256 pixels a side. These bounds lie far above any net that
# could be trained, and so low that a net can be put together, and its weights counted
# (`port.model`), before it takes memory worth speaking of.
MOST_BYTES = MIB  # of JSON: 400 for each block
MOST_REPEATS = 200  # of all blocks together; each takes milliseconds to put together
MOST_CHANNELS = 1 << 16  # beyond, a 1x1 convolution alone has more weights than a net may
MOST_PIXELS = 1 << 25  # of all frames of all streams: 400 MB as a clip
# A window or a step wider than the largest published frame, in pixels or frames.
MOST_KERNEL = MOST_STRIDE = 256
MOST_FRAME_STRIDE = 10_000  # five minutes of video from one frame to the next
MOST_OTHER = (1 << 31) - 1  # fields that only say yes or no

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
        _check_integer("num_frames", num_frames, 1, MOST_PIXELS)
        if self.input_streams is None:
            longer = replace(self, num_frames=num_frames)
        else:
            streams = (replace(stream, num_frames=num_frames) for stream in self.input_streams)
            longer = replace(self, input_streams=tuple(streams))
        _check_pixels(longer, "num_frames")
        return longer

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
        if len(blocks) > MOST_REPEATS:
            raise InputError(f"genotype: {len(blocks)} blocks; at most {MOST_REPEATS} are built")
        known["blocks"] = tuple(_block(block, index) for index, block in enumerate(blocks))
        if known.get("input_streams") is not None:
            known["input_streams"] = _streams(known)
        else:
            for name, most in _MOST_OF_A_STREAM.items():
                _check_integer(f"genotype: {name!r}", known.get(name), 1, most)
        genotype = Genotype(**known)
        _check_inputs(genotype)
        _check_repeats(genotype)
        _check_pixels(genotype, "genotype")
        return genotype

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Read JSON text; raises InputError where it is not JSON or no genotype."""
        return cls.from_dict(parse_json(text, "genotype", MOST_BYTES))

    @classmethod
    def load(cls, model: "str | Path | Mapping[str, Any] | Genotype") -> "Genotype":
        """A published name, the path of a JSON file, a dict or a Genotype, as a Genotype.

        Raises:
            InputError: there is no such net or file, or it holds no genotype.
        """
        if isinstance(model, Genotype):
            return model
        if isinstance(model, Mapping):
            return cls.from_dict(model)
        if str(model) in list_models():
            return cls.from_json((_PUBLISHED / f"{model}.json").read_text())
        if not os.path.exists(model):  # noqa: PTH110  # which no name is too long or strange for
            raise InputError(
                f"model {_shown(str(model))}: neither a published net ({' '.join(list_models())}) "
                "nor a genotype JSON file that is there"
            )
        text = read_text(model, MOST_BYTES, "a genotype")
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


# The least and the most that the whole numbers of a block may be.
_RANGES = {
    "spatial_kernel": (1, MOST_KERNEL),
    "spatial_stride": (1, MOST_STRIDE),
    "temporal_kernel": (1, MOST_KERNEL),
    "temporal_stride": (1, MOST_STRIDE),
    "filters": (1, MOST_CHANNELS),
    "expand": (0, MOST_CHANNELS),
    "repeats": (1, MOST_REPEATS),
} | dict.fromkeys(("skip", "context_gate", "non_local", "inv_bottle"), (0, MOST_OTHER))
_MOST_OF_A_STREAM = {
    "num_frames": MOST_PIXELS,
    "frame_stride": MOST_FRAME_STRIDE,
    "image_size": MOST_PIXELS,
}
_Record = TypeVar("_Record")


def _check_fields(kind: type[_Record], data: Any, where: str) -> dict[str, Any]:
    """The entries of `data` under Python names, none unknown, none missing."""
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: expected an object with named fields")
    declared = {_JSON_NAMES.get(f.name, f.name): f for f in fields(kind)}  # type: ignore[arg-type]
    for name in data:
        if name not in declared:
            raise InputError(f"{where}: unknown field {_shown(name)}; known: {', '.join(declared)}")
    for name, declared_field in declared.items():
        if name not in data and declared_field.default is MISSING:
            raise InputError(f"{where}: field {name!r} is missing")
    return {declared[name].name: value for name, value in data.items()}


def _block(data: Any, index: int) -> BlockGenotype:
    where = f"genotype: block {index}"
    known = _check_fields(BlockGenotype, data, where)
    for name, (least, most) in _RANGES.items():
        if name in known:
            _check_integer(f"{where}: {_JSON_NAMES.get(name, name)!r}", known[name], least, most)
    wide = known["filters"] * max(known["expand"], 1)
    if wide > MOST_CHANNELS:
        raise InputError(
            f"{where}: 'filters' times 'expand' is {wide:,}; at most {MOST_CHANNELS:,} are built"
        )
    choices = {"spatial_type": SPATIAL_TYPES, "temporal_type": TEMPORAL_TYPES}
    choices |= dict.fromkeys(("act", "spatial_act", "temporal_act"), ACTIVATIONS)
    for name in choices.keys() & known.keys():
        if known[name] not in choices[name]:
            raise InputError(
                f"{where}: {name!r} is {_shown(known[name])}; "
                f"it must be one of {' '.join(choices[name])}"
            )
    squeeze = known["squeeze"]
    if isinstance(squeeze, bool) or not isinstance(squeeze, int | float) or not 0 <= squeeze < 1e6:
        raise InputError(
            f"{where}: 'squeeze' is {_shown(squeeze)}; it must be a number from 0 to 1e6"
        )
    known["squeeze"] = float(squeeze)
    if known.get("inputs") is not None:
        inputs = known["inputs"]
        if not isinstance(inputs, list | tuple) or len(inputs) != 1:
            raise InputError(
                f"{where}: 'inputs' is {_shown(inputs)}; it must be a list of one index"
            )
        _check_integer(f"{where}: 'inputs'", inputs[0], 0, MOST_OTHER)
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
            _check_integer(f"{where}: {name!r}", value, 1, _MOST_OF_A_STREAM[name])
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


def _check_repeats(genotype: Genotype) -> None:
    repeats = sum(block.repeats for block in genotype.blocks)
    if repeats > MOST_REPEATS:
        raise InputError(f"genotype: {repeats} repeats of blocks; at most {MOST_REPEATS} are built")


def _check_pixels(genotype: Genotype, where: str) -> None:
    streams = genotype.input_streams or (genotype.clip,)
    pixels = sum(stream.num_frames * stream.image_size**2 for stream in streams)
    if pixels > MOST_PIXELS:
        raise InputError(
            f"{where}: clips of {pixels:,} pixels ('num_frames' times 'image_size' squared); "
            f"at most {MOST_PIXELS:,} are taken"
        )


def _check_integer(where: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(
            f"{where} is {_shown(value)}; it must be a whole number from {least} to {most}"
        )


def _shown(value: Any) -> str:
    """A value of somebody's file or dict, for a message."""
    try:
        return visible(repr(value))
    except (ValueError, RecursionError):  # a number of thousands of digits, lists without end
        return f"an absurd {type(value).__name__}"
