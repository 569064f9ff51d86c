"""Tiny Video Networks: a genotype's blocks, one after the other, and a head.

Paper: Piergiovanni, Angelova, Ryoo, "Tiny Video Networks", arXiv 1910.06961.
Original: google-research, folder `tiny_video_nets` (TensorFlow 1).
"""

from typing import Any

import torch
from torch import Tensor, nn

from port.block import Block
from port.errors import InputError
from port.genotype import Genotype
from port.head import ClipHead, FrameHead
from port.layers import BatchNorm, Conv2d, DepthwiseConv2d, InputStream
from port.scope import Scope

COLOURS = 3
CLASSIFIER_DEVIATION = 0.01
# Nine times the largest published net's: 4 GB in float32, and several times that in training.
MOST_WEIGHTS = 1_000_000_000
MOST_CLASSES = 1_000_000


class TinyVideoNet(nn.Module):
    """The net of a genotype.

    Args:
        genotype: the architecture.
        num_classes: outputs of the classifier.
        drop_rate: probability with which the head drops a feature in training.
        max_pool_predictions: take the published head that pools over frames by maximum.

    Raises:
        InputError: a genotype that the original cannot build either; names the block. Or one of
            more than `MOST_WEIGHTS` weights.
    """

    def __init__(
        self,
        genotype: Genotype,
        num_classes: int,
        drop_rate: float = 0.5,
        max_pool_predictions: bool = False,
    ) -> None:
        super().__init__()
        self.genotype = genotype
        self.drop_rate, self.max_pool_predictions = drop_rate, max_pool_predictions
        with torch.device("meta"):  # until the weights are counted, without memory
            self.streams = _streams(genotype)
            self.blocks, self.num_features, self.out_frames = _blocks(genotype)
        _check_weights(sum(parameter.numel() for parameter in self.blocks.parameters()))
        device = torch.get_default_device()
        if device.type != "meta":  # or PyTorch would import a second's worth to do nothing
            self.to_empty(device=device)
        self.reset_classifier(num_classes)
        self.reset_parameters()

    @property
    def default_cfg(self) -> dict[str, Any]:
        """What the net expects: frames, their distance in the video, size in pixels, values."""
        clip = self.genotype.clip
        return {
            "num_classes": self.num_classes,
            "num_frames": clip.num_frames,
            "frame_stride": clip.frame_stride,
            "image_size": clip.image_size,
            "input_size": (COLOURS, clip.num_frames, clip.image_size, clip.image_size),
            "mean": (0.0, 0.0, 0.0),
            "std": (1.0, 1.0, 1.0),
            "pool_size": None,
            "interpolation": "bilinear",
            "classifier": "head.dense",
        }

    def forward(self, x: Tensor) -> Tensor:
        """Clips `[B, 3, T, H, W]`, RGB in [0, 1], to logits `[B, num_classes]`.

        Raises:
            InputError: the shape is not one that this net takes.
        """
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """Clips `[B, 3, T, H, W]` to features `[B, num_features, T', H', W']`."""
        self._check_input(x)
        # What a block may read: the streams first, then the blocks, in one list.
        outputs: list[Tensor] = [stream(x) for stream in self.streams]
        for block, repeats in zip(self.genotype.blocks, self.blocks, strict=True):
            outputs.append(repeats(outputs[block.inputs[0] if block.inputs else -1]))
        return self.as_clips(outputs[-1])

    def as_clips(self, x: Tensor) -> Tensor:
        """The last block's `[B*T', C, H', W']` as features `[B, C, T', H', W']`."""
        if x.shape[0] % self.out_frames:
            raise InputError(
                f"head: {x.shape[0]} frames do not divide into clips of {self.out_frames}"
            )
        return x.unflatten(0, (-1, self.out_frames)).transpose(1, 2)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Features `[B, num_features, T', H', W']` to logits `[B, num_classes]`.

        `pre_logits`: stop in front of dropout and classifier, at the mean.
        """
        return self.head.mean(features) if pre_logits else self.head(features)

    def get_classifier(self) -> nn.Linear:
        """The layer that `reset_classifier` replaces."""
        return self.head.dense

    def reset_classifier(self, num_classes: int) -> None:
        """A new classifier for `num_classes`, initialised as published; the rest stays."""
        if not 1 <= num_classes <= MOST_CLASSES:
            raise InputError(f"num_classes is {num_classes}; it must be from 1 to {MOST_CLASSES}")
        _check_weights(self.num_features * num_classes)
        self.num_classes = num_classes
        kind = FrameHead if self.max_pool_predictions else ClipHead
        self.head = kind(self.num_features, num_classes, self.drop_rate)
        like = next(self.blocks.parameters(), None)
        if like is not None:
            self.head.to(like.device, like.dtype)
        if not self.head.dense.weight.is_meta:
            _init_classifier(self.head.dense)

    def reset_parameters(self) -> None:
        """Initialise every weight as the original does; a net without memory has none to fill."""
        if self.head.dense.weight.is_meta:
            return
        for module in self.modules():
            if isinstance(module, Conv2d | DepthwiseConv2d | BatchNorm):
                module.reset_parameters()
        _init_classifier(self.head.dense)

    def _check_input(self, x: Tensor) -> None:
        frames = self.genotype.clip.num_frames
        if x.ndim != 5 or x.shape[1] != COLOURS or 0 in x.shape:
            raise InputError(f"input: expected [B, 3, T, H, W], got {list(x.shape)}")
        # A net with streams cuts the clip to length itself, as the original does.
        if x.shape[2] < frames or (self.genotype.input_streams is None and x.shape[2] != frames):
            raise InputError(
                f"input: the net takes clips of {frames} frames, got {x.shape[2]}; build it with "
                f"num_frames={x.shape[2]}"
            )


def _streams(genotype: Genotype) -> nn.ModuleList:
    if genotype.input_streams is None:
        streams = [InputStream(genotype.clip.num_frames, None)]
    else:
        streams = [InputStream(s.num_frames, s.image_size) for s in genotype.input_streams]
    return nn.ModuleList(Scope().tap(f"Stream-{i}", stream) for i, stream in enumerate(streams))


def _blocks(genotype: Genotype) -> tuple[nn.ModuleList, int, int]:
    """The blocks, the width of the last one's output and the frames a clip has left there.

    The original carries the number of frames from block to block in order of definition, whatever
    a block reads, and starts with the first stream's.
    """
    streams = genotype.input_streams
    frames = streams[0].num_frames if streams else genotype.clip.num_frames
    widths = [COLOURS] * (len(streams) if streams else 1)
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


def _check_weights(weights: int) -> None:
    if weights > MOST_WEIGHTS:
        raise InputError(
            f"genotype: a net of {weights:,} weights; at most {MOST_WEIGHTS:,} are built, so give "
            "it fewer filters, smaller kernels or fewer repeats"
        )


def _init_classifier(dense: nn.Linear) -> None:
    nn.init.normal_(dense.weight, std=CLASSIFIER_DEVIATION)
    nn.init.zeros_(dense.bias)
