"""What features come from: the streams and the blocks of a genotype."""

from torch import nn

from port.block import Block
from port.errors import InputError
from port.genotype import Genotype
from port.layers import InputStream
from port.scope import Scope

# Nine times the largest published net's: 4 GB in float32, and several times that in training.
MOST_WEIGHTS = 1_000_000_000


def build_streams(genotype: Genotype) -> nn.ModuleList:
    """What of a clip each block may read."""
    if genotype.input_streams is None:
        streams = [InputStream(genotype.clip.num_frames, None)]
    else:
        streams = [InputStream(s.num_frames, s.image_size) for s in genotype.input_streams]
    return nn.ModuleList(Scope().tap(f"Stream-{i}", stream) for i, stream in enumerate(streams))


def build_blocks(genotype: Genotype, in_chans: int) -> tuple[nn.ModuleList, int, int]:
    """The blocks, the width of the last one's output and the frames a clip has left there.

    The original carries the number of frames from block to block in order of definition, whatever
    a block reads, and starts with the first stream's. `in_chans` are a clip's channels.
    """
    streams = genotype.input_streams
    frames = streams[0].num_frames if streams else genotype.clip.num_frames
    widths = [in_chans] * (len(streams) if streams else 1)
    blocks = nn.ModuleList()
    for index, block in enumerate(genotype.blocks):
        width = widths[block.inputs[0] if block.inputs else -1]
        repeats = nn.Sequential()
        for repeat in range(block.repeats):
            module = Block(block, index, repeat, width, frames)
            width, frames = module.out_width, module.out_frames
            repeats.append(module)
        blocks.append(repeats)
        widths.append(width)
    return blocks, widths[-1], frames


def check_weights(weights: int) -> None:
    """Refuse a net of more than `MOST_WEIGHTS`."""
    if weights > MOST_WEIGHTS:
        raise InputError(
            f"genotype: a net of {weights:,} weights; at most {MOST_WEIGHTS:,} are built, so give "
            "it fewer filters, smaller kernels or fewer repeats"
        )
