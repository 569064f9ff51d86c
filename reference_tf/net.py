"""The original graph: blocks, streams and both heads, put together from `Layers`.

Paper: Piergiovanni, Angelova, Ryoo, "Tiny Video Networks", arXiv 1910.06961.
Original: google-research, folder `tiny_video_nets`; written anew from what it computes.
"""

import math
from typing import Any

import tensorflow as tf

from reference_tf.errors import GenotypeError
from reference_tf.genotype import Genotype
from reference_tf.layers import Layers, Tensor, activate
from reference_tf.resize import resize_bilinear

v1 = tf.compat.v1


def build_net(
    layers: Layers, genotype: Genotype, video: Tensor, num_classes: int, max_pool: bool
) -> Tensor:
    """Add the whole net to the current graph.

    Args:
        layers: collects the taps.
        genotype: the architecture.
        video: `[batch * frames, H, W, 3]`, or `[batch, frames, H, W, 3]` for nets with streams.
        num_classes: outputs.
        max_pool: take the head that pools over frames (`max_pool_predictions`).

    Returns:
        Logits `[batch, num_classes]`.

    Raises:
        GenotypeError: names the block that cannot be built.
    """
    outputs = _streams(layers, genotype, video)
    frames = genotype.num_frames
    for index, block in enumerate(genotype.blocks):
        x = outputs[block["inputs"][0] if block["inputs"] else -1]
        for repeat in range(block["repeats"]):
            builder = _Block(layers, block, f"Block-{index}-{repeat}", repeat, frames)
            x = builder.build(x)
            frames = builder.frames
        outputs.append(x)
    return _head(layers, outputs[-1], frames, num_classes, max_pool)


def _streams(layers: Layers, genotype: Genotype, video: Tensor) -> list[Tensor]:
    if genotype.streams is None:
        return [layers.tap("Stream-0", video)]
    streams = []
    for index, stream in enumerate(genotype.streams):
        frames = video[:, : stream["num_frames"]]
        frames = tf.reshape(frames, [-1, *frames.shape[2:]])
        if frames.shape[1] != stream["image_size"]:
            frames = resize_bilinear(frames, stream["image_size"])
        streams.append(layers.tap(f"Stream-{index}", tf.stop_gradient(frames)))
    return streams


class _Block:
    """One repeat of a block; `frames` is what a clip has left behind the layers so far."""

    def __init__(
        self, layers: Layers, block: dict[str, Any], name: str, repeat: int, frames: int
    ) -> None:
        self.layers, self.block, self.name, self.frames = layers, block, name, frames
        self.has_turn = repeat % 2 == 0
        self.spatial_stride = block["spatial_stride"] if repeat == 0 else 1
        self.temporal_stride = block["temporal_stride"] if repeat == 0 else 1
        self.expanded = max(block["filters"] * block["expand"], block["filters"])
        self.inverted = bool(block["inv-bottle"] and block["expand"] > 0)
        self.width = self.expanded if self.inverted else block["filters"]

    def build(self, x: Tensor) -> Tensor:
        block, layers = self.block, self.layers
        if x.shape[0] is not None and x.shape[0] % self.frames:
            raise GenotypeError(
                f"{self.name}: {x.shape[0]} frames do not divide into clips of {self.frames}"
            )
        with v1.variable_scope(self.name):
            with v1.variable_scope("STConvs"):
                y = self._spatio_temporal(x)
            if not self.inverted and block["expand"] > 0:
                with v1.variable_scope("Expand"):
                    y = layers.batch_norm(layers.conv(y, self.expanded))
            if block["squeeze"] > 0:
                squeezed = max(int(self.expanded * block["squeeze"]), 8)
                y = self._gate(y, "SqueezeExcite", squeezed)
            if block["context_gate"]:
                y = self._gate(y, "ContextGate", None)
            if self.inverted:
                y = layers.batch_norm(layers.conv(y, block["filters"]))
            if block["skip"] and self.frames == self.frames_in:
                y = self._skip(x, y)
        return layers.tap(self.name, activate(y, block["act"]))

    def _spatio_temporal(self, x: Tensor) -> Tensor:
        block, layers = self.block, self.layers
        self.frames_in = self.frames
        if self.inverted:
            with v1.variable_scope("Expand"):
                x = layers.activation(layers.batch_norm(layers.conv(x, self.expanded)), "relu")
        if block["spatial_kernel"] != 1:
            x = self._spatial(x)
        if self.has_turn and self.frames > 1 and block["temporal_kernel"] != 1:
            x = self._temporal(x)
        return x

    def _spatial(self, x: Tensor) -> Tensor:
        layers, kind, act = self.layers, self.block["spatial_type"], self.block["spatial_act"]
        kernel, stride = (self.block["spatial_kernel"],) * 2, (self.spatial_stride,) * 2
        if kind in ("maxpool", "avgpool"):
            return layers.tap(_pool_tap(kind), layers.pool(x, kind, kernel, stride))
        if kind in ("std", "depth"):
            x = layers.activation(layers.batch_norm(layers.conv(x, self.width)), act)
        if kind == "depth":
            x = layers.depthwise(x, kernel[0], stride[0])
        else:
            x = layers.conv(x, self.width, kernel, stride)
        return layers.activation(layers.batch_norm(x), act)

    def _temporal(self, x: Tensor) -> Tensor:
        """Time becomes the height of an image whose width is all pixels."""
        layers, kind = self.layers, self.block["temporal_type"]
        kernel, stride = (self.block["temporal_kernel"], 1), (self.temporal_stride, 1)
        _, height, width, channels = x.shape
        x = tf.reshape(x, [-1, self.frames, height * width, channels])
        self.frames = math.ceil(self.frames / self.temporal_stride)

        def as_frames(y: Tensor) -> Tensor:
            return tf.reshape(y, [-1, height, width, y.shape[-1]])

        if kind in ("maxpool", "avgpool"):
            y = layers.pool(x, kind, kernel, stride)
            return layers.tap(f"temporal_{_pool_tap(kind)}", as_frames(y))
        y = layers.conv(x, self.width, kernel, stride, reshape=as_frames)
        return layers.activation(layers.batch_norm(y), self.block["temporal_act"])

    def _gate(self, x: Tensor, scope: str, squeezed: int | None) -> Tensor:
        """Scale every frame of a clip; `squeezed` is the width in between, if there is one."""
        if x.shape[-1] != self.expanded:
            raise GenotypeError(
                f"{self.name}: {scope} makes {self.expanded} channels for {x.shape[-1]}"
            )
        layers = self.layers
        clips = tf.reshape(x, [-1, self.frames, *x.shape[1:]])
        with v1.variable_scope(scope):
            gate = layers.tap("mean", tf.reduce_mean(clips, [1, 2, 3])[:, None, None, :])
            if squeezed is not None:
                gate = layers.activation(layers.conv(gate, squeezed, bias=True), "relu")
            gate = layers.conv(gate, self.expanded, bias=True)
            gate = layers.tap("sigmoid", tf.sigmoid(gate))
            return layers.tap("multiply", tf.reshape(clips * gate[:, None], [-1, *x.shape[1:]]))

    def _skip(self, x: Tensor, y: Tensor) -> Tensor:
        stride = self.spatial_stride if y.shape[2] != x.shape[2] else 1
        with v1.variable_scope("Residual"):
            skip = self.layers.conv(x, y.shape[-1], stride=(stride, stride))
            skip = self.layers.batch_norm(skip)
            try:
                return self.layers.tap("add", y + skip)
            except ValueError:
                raise GenotypeError(
                    f"{self.name}: the skip {skip.shape} cannot be added to {y.shape}"
                ) from None


def _pool_tap(kind: str) -> str:
    return {"maxpool": "max_pool", "avgpool": "avg_pool"}[kind]


def _head(layers: Layers, x: Tensor, frames: int, num_classes: int, max_pool: bool) -> Tensor:
    if x.shape[0] is not None and x.shape[0] % frames:
        raise GenotypeError(f"head: {x.shape[0]} frames do not divide into clips of {frames}")
    clips = tf.reshape(x, [-1, frames, *x.shape[1:]])
    if not max_pool:
        features = layers.tap("mean", tf.reduce_mean(clips, [1, 2, 3]))
        return layers.dense(layers.dropout(features), num_classes)
    features = layers.tap("mean", tf.reduce_mean(clips, [2, 3]))
    frame_logits = layers.dense(layers.dropout(features), num_classes)
    scaled = frame_logits / math.sqrt(frames)
    weights = layers.tap("softmax", tf.nn.softmax(scaled, axis=1))
    return layers.tap("logits", tf.reduce_sum(frame_logits * weights, axis=1))
