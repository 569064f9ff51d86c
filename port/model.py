"""Tiny Video Networks: a genotype's blocks, one after the other, and a head.

Paper: Piergiovanni, Angelova, Ryoo, "Tiny Video Networks", arXiv 1910.06961.
Original: google-research, folder `tiny_video_nets` (TensorFlow 1).
"""

from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from port.backbone import build_blocks, build_streams, check_weights
from port.checkpointing import run_checkpointed, runs_plainly
from port.errors import InputError
from port.features import Indices, describe_features, take_indices
from port.genotype import MOST_CHANNELS, Genotype
from port.head import make_head
from port.layers import BatchNorm, Conv2d, DepthwiseConv2d

COLOURS = 3
CLASSIFIER_DEVIATION = 0.01
MOST_CLASSES = 1_000_000


class TinyVideoNet(nn.Module):
    """The net of a genotype.

    Args:
        genotype: the architecture.
        num_classes: outputs of the classifier.
        drop_rate: probability with which the head drops a feature in training.
        max_pool_predictions: take the published head that pools over frames by maximum.
        global_pool: how the head pools: `avg`, as published, `max`, or `''`, not at all, which goes
            with 0 classes.
        in_chans: channels of a clip; published are three.

    Raises:
        InputError: a genotype that the original cannot build either; names the block. Or one of
            more than `port.backbone.MOST_WEIGHTS` weights. Or there is no such head.
    """

    def __init__(
        self,
        genotype: Genotype,
        num_classes: int,
        drop_rate: float = 0.5,
        max_pool_predictions: bool = False,
        *,
        global_pool: str = "avg",
        in_chans: int = COLOURS,
    ) -> None:
        super().__init__()
        if not 1 <= in_chans <= MOST_CHANNELS:
            raise InputError(f"in_chans is {in_chans}; it must be from 1 to {MOST_CHANNELS}")
        self.genotype, self.in_chans = genotype, in_chans
        self.drop_rate, self.max_pool_predictions = drop_rate, max_pool_predictions
        self.global_pool = global_pool
        self.grad_checkpointing = False
        with torch.device("meta"):  # until the weights are counted, without memory
            self.streams = build_streams(genotype)
            self.blocks, self.num_features, self.out_frames = build_blocks(genotype, in_chans)
        check_weights(sum(parameter.numel() for parameter in self.blocks.parameters()))
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
            "input_size": (self.in_chans, clip.num_frames, clip.image_size, clip.image_size),
            "mean": (0.0,) * self.in_chans,
            "std": (1.0,) * self.in_chans,
            "pool_size": None,
            "interpolation": "bilinear",
            "classifier": "head.dense",
        }

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """The same as `default_cfg`."""
        return self.default_cfg

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """Of each block's feature map `num_chs`, `num_frames`, `reduction` and `module`."""
        return describe_features(self.genotype, self.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Clips `[B, 3, T, H, W]`, RGB in [0, 1], to logits `[B, num_classes]`.

        Without classes to features `[B, num_features]`; without a pool to the feature map.

        Raises:
            InputError: the shape is not one that this net takes.
        """
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """Clips `[B, 3, T, H, W]` to features `[B, num_features, T', H', W']`."""
        return self.as_clips(self._run_blocks(x)[-1])

    def forward_intermediates(
        self,
        x: Tensor,
        indices: Indices = None,
        *,
        stop_early: bool = False,
        intermediates_only: bool = False,
    ) -> Any:
        """Features, and the feature maps of blocks.

        Args:
            x: clips `[B, 3, T, H, W]`.
            indices: the blocks: all if None, the last ones if it is how many; those below 0 count
                from the end.
            stop_early: run no block behind the last of them, whose map the features then are.
            intermediates_only: give the maps alone.

        Returns:
            The features, and a list of maps `[B, C, T', H', W']` in the order of `indices`.

        Raises:
            InputError: there is no such block, or the net does not take this shape.
        """
        taken = take_indices(len(self.blocks), indices)
        outputs = self._run_blocks(x, max(taken) + 1 if stop_early else len(self.blocks))
        frames = [info["num_frames"] for info in self.feature_info]
        maps = [self.as_clips(outputs[index], frames[index]) for index in taken]
        if intermediates_only:
            return maps
        return self.as_clips(outputs[-1], frames[len(outputs) - 1]), maps

    def _run_blocks(self, x: Tensor, count: int | None = None) -> list[Tensor]:
        """What the blocks give, of the first `count` of them: `[B*T', C, H', W']` each."""
        self._check_input(x)
        # What a block may read: the streams first, then the blocks, in one list.
        outputs: list[Tensor] = [stream(x) for stream in self.streams]
        plainly = not self.grad_checkpointing or runs_plainly()
        pairs = list(zip(self.genotype.blocks, self.blocks, strict=True))
        for block, repeats in pairs[:count]:
            read = outputs[block.inputs[0] if block.inputs else -1]
            outputs.append(
                repeats(read) if plainly else run_checkpointed(cast(nn.Sequential, repeats), read)
            )
        return outputs[len(self.streams) :]

    def as_clips(self, x: Tensor, frames: int | None = None) -> Tensor:
        """A block's `[B*T', C, H', W']` as features `[B, C, T', H', W']`.

        `frames`: that a clip has left there; those of the last block if None.
        """
        frames = self.out_frames if frames is None else frames
        if x.shape[0] % frames:
            raise InputError(f"head: {x.shape[0]} frames do not divide into clips of {frames}")
        return x.unflatten(0, (-1, frames)).transpose(1, 2)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Features `[B, num_features, T', H', W']` to logits `[B, num_classes]`.

        `pre_logits`: stop in front of dropout and classifier, at the mean.
        """
        return self.head.pool(features) if pre_logits else self.head(features)

    def get_classifier(self) -> nn.Module:
        """The layer that `reset_classifier` replaces; the identity where there are no classes."""
        return self.head.dense

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new classifier for `num_classes`, initialised as published; the rest stays.

        Args:
            num_classes: 0 takes the classifier away, so that the net gives features.
            global_pool: another pool, see above; it stays if None.

        Raises:
            InputError: there are no such numbers of classes, or there is no such pool.
        """
        if not 0 <= num_classes <= MOST_CLASSES:
            raise InputError(f"num_classes is {num_classes}; it must be from 0 to {MOST_CLASSES}")
        check_weights(self.num_features * num_classes)
        pool = self.global_pool if global_pool is None else global_pool
        head = make_head(
            self.num_features, num_classes, self.drop_rate, pool, self.max_pool_predictions
        )
        self.num_classes, self.global_pool, self.head = num_classes, pool, head.train(self.training)
        like = next(self.blocks.parameters(), None)
        if like is not None:
            self.head.to(like.device, like.dtype)
        _init_classifier(self.head.dense)

    def cut_off(self, blocks: int) -> None:
        """Keep the first `blocks` blocks, without a classifier or a pool behind them."""
        self.genotype = replace(self.genotype, blocks=self.genotype.blocks[:blocks])
        self.blocks = self.blocks[:blocks]
        last = self.feature_info[-1]
        self.num_features, self.out_frames = last["num_chs"], last["num_frames"]
        self.reset_classifier(0, "")

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep for gradients only what goes from block to block, and compute the rest again.

        Less memory for more time; gradients and batch-norm statistics stay the same to the bit. A
        net that is traced, compiled or exported does not do it.
        """
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Parameters that are not to decay besides biases and norms: none."""
        return set()

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """What of a parameter's name says which group of layers it is in, for timm's layer decay.

        `coarse`: a group a block of the genotype, not a repeat. The head matches none: it is last.
        """
        return {"blocks": r"^blocks\.(\d+)" if coarse else r"^blocks\.(\d+)\.(\d+)"}

    def reset_parameters(self) -> None:
        """Initialise every weight as the original does; a net without memory has none to fill."""
        if any(parameter.is_meta for parameter in self.parameters()):
            return
        for module in self.modules():
            if isinstance(module, Conv2d | DepthwiseConv2d | BatchNorm):
                module.reset_parameters()
        _init_classifier(self.head.dense)

    def _check_input(self, x: Tensor) -> None:
        frames = self.genotype.clip.num_frames
        if x.ndim != 5 or x.shape[1] != self.in_chans or 0 in x.shape:
            wanted = f"[B, {self.in_chans}, T, H, W]"
            raise InputError(f"input: expected {wanted}, got {list(x.shape)}")
        if not x.is_floating_point():
            raise InputError(
                f"input: expected float in [0, 1], got {x.dtype}; of uint8: clips.float() / 255"
            )
        # A net with streams cuts the clip to length itself, as the original does.
        if x.shape[2] < frames or (self.genotype.input_streams is None and x.shape[2] != frames):
            raise InputError(
                f"input: the net takes clips of {frames} frames, got {x.shape[2]}; build it with "
                f"num_frames={x.shape[2]}"
            )


def _init_classifier(dense: nn.Module) -> None:
    if isinstance(dense, nn.Linear) and not dense.weight.is_meta:
        nn.init.normal_(dense.weight, std=CLASSIFIER_DEVIATION)
        nn.init.zeros_(dense.bias)
