"""The feature maps that blocks give: what there is, and which of it is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from port.block import Block
from port.errors import InputError
from port.genotype import Genotype

Indices = int | Sequence[int] | None


@dataclass(frozen=True)
class FeatureInfo:
    """What is known of the feature maps, as in timm.

    `info` has an entry for each block, see `describe_features`; `out_indices` are the blocks whose
    maps are given. Each method answers for those, or for `idx`: a block's index, or several.
    """

    info: Sequence[dict[str, Any]]
    out_indices: tuple[int, ...]

    def channels(self, idx: Indices = None) -> Any:
        """How many channels a map has."""
        return self.get("num_chs", idx)

    def reduction(self, idx: Indices = None) -> Any:
        """By what a map is smaller than the frames that come in, along height and width."""
        return self.get("reduction", idx)

    def module_name(self, idx: Indices = None) -> Any:
        """The path of the module in the net that gives a map."""
        return self.get("module", idx)

    def get(self, key: str, idx: Indices = None) -> Any:
        """An entry of `info`, or a list of several's."""
        if isinstance(idx, int):
            return self.info[idx][key]
        return [self.info[index][key] for index in (self.out_indices if idx is None else idx)]

    def get_dicts(self, keys: Iterable[str] | None = None, idx: Indices = None) -> Any:
        """Whole entries, or `keys` of them."""
        if isinstance(idx, int):
            return {key: self.info[idx][key] for key in keys or self.info[idx]}
        wanted = self.out_indices if idx is None else idx
        return [self.get_dicts(keys, index) for index in wanted]

    def __getitem__(self, item: int) -> dict[str, Any]:
        return self.info[item]

    def __len__(self) -> int:
        return len(self.info)


def describe_features(genotype: Genotype, blocks: nn.ModuleList) -> list[dict[str, Any]]:
    """Of each block's feature map: channels, frames, reduction, module.

    `reduction` is of height and width of the stream that the block reads, `num_frames` is of a clip
    of the genotype's length.
    """
    reductions = [1] * len(genotype.input_streams or (genotype.clip,))
    described = []
    for index, (block, repeats) in enumerate(zip(genotype.blocks, blocks, strict=True)):
        reduction = reductions[block.inputs[0] if block.inputs else -1]
        for repeat in cast(Iterable[Block], repeats):
            reduction *= repeat.stride
        reductions.append(reduction)
        described.append(
            {
                "num_chs": repeat.out_width,
                "num_frames": repeat.out_frames,
                "reduction": reduction,
                "module": f"blocks.{index}",
                "index": index,
            }
        )
    return described


def take_indices(blocks: int, indices: Indices) -> tuple[int, ...]:
    """Which of `blocks` blocks are asked for, in the order asked.

    Args:
        blocks: how many there are.
        indices: all if None, the last ones if it is how many; those below 0 count from the end.

    Raises:
        InputError: there is none of that index, or none is asked for.
    """
    if isinstance(indices, int):
        if not 1 <= indices <= blocks:
            raise InputError(f"the last {indices} blocks: the net has {blocks}")
        return tuple(range(blocks - indices, blocks))
    wanted = range(blocks) if indices is None else indices
    for index in wanted:
        if not -blocks <= index < blocks:
            raise InputError(f"block {index}: the net has {blocks}, 0 to {blocks - 1}")
    if not wanted:
        raise InputError(f"no block is asked for; the net has {blocks}, 0 to {blocks - 1}")
    return tuple(index % blocks for index in wanted)
