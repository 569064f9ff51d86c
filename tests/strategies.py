"""Random genotypes out of the whole search space, and clips for them of any shape."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from port import Genotype
from port.genotype import ACTIVATIONS, SPATIAL_TYPES, TEMPORAL_TYPES

Draw = st.DrawFn


@dataclass(frozen=True)
class Case:
    """A genotype, whether it can be built or not, and what to feed it."""

    genotype: Genotype
    classes: int
    batch: int
    frames: int
    height: int
    width: int
    max_pool: bool
    salt: str


def blocks(inputs: st.SearchStrategy[list[int]] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """One block in the released code's field names; `inputs` where the net has streams."""
    flags = st.integers(0, 1)
    activations = st.sampled_from(ACTIVATIONS)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "spatial_type": st.sampled_from(SPATIAL_TYPES),
        "spatial_kernel": st.integers(1, 7),
        "spatial_stride": st.integers(1, 4),
        "temporal_type": st.sampled_from(TEMPORAL_TYPES),
        "temporal_kernel": st.integers(1, 7),
        "temporal_stride": st.integers(1, 4),
        "filters": st.integers(1, 8),
        "expand": st.integers(0, 3),
        "repeats": st.integers(1, 3),
        "skip": flags,
        "squeeze": st.sampled_from([0.0, 0.004, 0.5, 1.7]),
        "context_gate": flags,
    }
    if inputs is not None:
        fields["inputs"] = inputs
    absent = {"non_local": flags, "inv-bottle": flags}
    absent |= dict.fromkeys(("act", "spatial_act", "temporal_act"), activations)
    return st.fixed_dictionaries(fields, optional=absent)


@st.composite
def genotypes(draw: Draw, with_streams: bool | None = None) -> Genotype:
    """Up to three blocks, with input streams or without; either where it is not said."""
    if not (draw(st.booleans()) if with_streams is None else with_streams):
        return Genotype.from_dict(
            {
                "num_frames": draw(st.integers(1, 6)),
                "frame_stride": draw(st.integers(1, 4)),
                "image_size": draw(st.integers(1, 17)),
                "blocks": draw(st.lists(blocks(), min_size=1, max_size=3)),
            }
        )
    streams = st.fixed_dictionaries(
        {
            "num_frames": st.integers(1, 4),
            "frame_stride": st.integers(1, 4),
            "image_size": st.integers(1, 13),
        }
    )
    chosen = draw(st.lists(streams, min_size=1, max_size=2))
    count = draw(st.integers(1, 3))
    return Genotype.from_dict(
        {
            "input_streams": chosen,
            "blocks": [
                draw(
                    blocks(
                        st.lists(st.integers(0, len(chosen) + index - 1), min_size=1, max_size=1)
                    )
                )
                for index in range(count)
            ],
        }
    )


@st.composite
def cases(draw: Draw, with_streams: bool) -> Case:
    """A net and its clips: down to one pixel and one frame, seldom square, one clip or two."""
    genotype = draw(genotypes(with_streams))
    frames = genotype.clip.num_frames
    if genotype.input_streams:  # which cut the clip to length themselves
        frames += draw(st.integers(0, 2))
    return Case(
        genotype,
        classes=draw(st.integers(1, 5)),
        batch=draw(st.integers(1, 2)),
        frames=frames,
        height=draw(st.integers(1, 17)),
        width=draw(st.integers(1, 17)),
        max_pool=draw(st.booleans()),
        salt=draw(st.sampled_from(["", "a", "b", "c"])),
    )
