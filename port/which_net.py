"""Which net a genotype is, and where two of them differ, in a few words."""

from dataclasses import fields

from port.genotype import Genotype, list_models


def name_of(genotype: Genotype) -> str:
    """The published net that has these layers, whatever its clips; "an unpublished net" if none."""
    for name in list_models():
        if has_layers_of(genotype, Genotype.load(name)):
            return name
    return "an unpublished net"


def has_layers_of(one: Genotype, other: Genotype) -> bool:
    """Whether one's weights are the other's: the same blocks, on streams of the same sizes.

    How many frames a clip has, how far apart they are and how large, may differ: a net takes clips
    of any. A stream's size may not, since the net itself resizes its input to it.
    """
    return one.blocks == other.blocks and _stream_sizes(one) == _stream_sizes(other)


def difference(one: Genotype, other: Genotype) -> str:
    """The first field in which they differ, with both values; empty where they are equal."""
    for name in ("num_frames", "frame_stride", "image_size"):
        values = getattr(one, name), getattr(other, name)
        if values[0] != values[1]:
            return f"{name} {values[0]} instead of {values[1]}"
    streams = "its input_streams differ" if one.input_streams != other.input_streams else ""
    return streams or layer_difference(one, other)


def layer_difference(one: Genotype, other: Genotype) -> str:
    """As `difference`, of what `has_layers_of` compares."""
    if len(one.blocks) != len(other.blocks):
        return f"{len(one.blocks)} blocks instead of {len(other.blocks)}"
    for index, (mine, theirs) in enumerate(zip(one.blocks, other.blocks, strict=True)):
        for field in fields(mine):
            values = getattr(mine, field.name), getattr(theirs, field.name)
            if values[0] != values[1]:
                return f"block {index}: {field.name} {values[0]} instead of {values[1]}"
    return "" if _stream_sizes(one) == _stream_sizes(other) else "its input_streams differ"


def _stream_sizes(genotype: Genotype) -> list[int] | None:
    streams = genotype.input_streams
    return None if streams is None else [stream.image_size for stream in streams]
