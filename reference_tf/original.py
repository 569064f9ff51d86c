"""The original as something to run: its own graph and session, weights in, taps out."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import numpy as np
import tensorflow as tf

from reference_tf.genotype import parse_genotype
from reference_tf.layers import Layers, Tap
from reference_tf.net import build_net

v1 = tf.compat.v1


class Original:
    """The original net for inputs of one shape.

    Args:
        genotype: its JSON text, in the released code's field names.
        num_classes: outputs.
        batch: clips in the input; None for any number, which a SavedModel wants.
        frames: frames of each clip; the genotype's if None. Only nets with streams may be given
            more than they read.
        height: of the frames in pixels; the genotype's image size if None.
        width: likewise.
        dtype: `float32`, as published, or `float64`.
        max_pool_predictions: take the head that pools over frames.
        training: build the graph that is trained: `Training` adds the loss and its gradients.
        seed: of the weights that `initialize` draws.

    Raises:
        GenotypeError: the original cannot build this; names the block.
    """

    def __init__(
        self,
        genotype: str,
        num_classes: int,
        *,
        batch: int | None,
        frames: int | None = None,
        height: int | None = None,
        width: int | None = None,
        dtype: str = "float32",
        max_pool_predictions: bool = False,
        training: bool = False,
        seed: int = 0,
    ) -> None:
        parsed = parse_genotype(genotype)
        frames = frames or parsed.num_frames
        size = (height or parsed.image_size, width or parsed.image_size)
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.random.set_seed(seed)
            layers = self.layers = Layers(tf.as_dtype(dtype), training)
            self.clips = v1.placeholder(layers.dtype, (batch, frames, *size, 3), "clips")
            # Nets with one stream take the frames of all clips in one axis.
            video = self.clips if parsed.streams else tf.reshape(self.clips, (-1, *size, 3))
            self.video = v1.placeholder_with_default(video, video.shape, "video")
            self.logits = build_net(layers, parsed, self.video, num_classes, max_pool_predictions)
            self.graph_variables = {v.op.name: v for v in v1.global_variables()}
            self._initialize = v1.global_variables_initializer()
            # Variables in float64 would make a checkpoint that is not the published one's.
            self._saver = v1.train.Saver(max_to_keep=None) if dtype == "float32" else None
        self.taps: dict[str, Tap] = layers.taps
        config = v1.ConfigProto()
        # What is computed is what is written: no rewriting, and no time spent on it a fetch.
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        self.session = v1.Session(graph=self.graph, config=config)

    def variables(self) -> dict[str, tuple[int, ...]]:
        """Every variable's name (no `:0`) and shape, in order of creation."""
        return {name: tuple(v.shape) for name, v in self.graph_variables.items()}

    def trainable(self) -> list[str]:
        """The names of those that training changes by gradient."""
        return [name for name, variable in self.graph_variables.items() if variable.trainable]

    def initialize(self) -> None:
        """Draw fresh weights with the published initialisers."""
        self.session.run(self._initialize)

    def load(self, variables: Mapping[str, np.ndarray]) -> None:
        """Set every variable; ValueError lists missing and unexpected names."""
        if different := set(variables) ^ set(self.graph_variables):
            raise ValueError(f"missing or unexpected variables: {sorted(different)}")
        # What its initialiser would assign, replaced by the value: no copy in the graph.
        with self.graph.as_default():
            feeds = {v.initial_value: variables[name] for name, v in self.graph_variables.items()}
        self.session.run(self._initialize, feeds)

    def values(self) -> dict[str, np.ndarray]:
        """The value of every variable, in order of creation."""
        values: dict[str, np.ndarray] = self.session.run(self.graph_variables)
        return values

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Iterable[str]) -> dict[str, np.ndarray]:
        """The outputs of the taps in `fetches`, computed from `feeds` alone.

        Args:
            feeds: tap names, or `video`, to what the layers behind them are to read. Only what
                lies between them and the fetches is computed.
            fetches: names of taps. A tap that is fed as well gives what its own layer computes.
        """
        fed = {(self.video if n == "video" else self.taps[n].fed): v for n, v in feeds.items()}
        outputs = {name: self.taps[name].output for name in fetches}
        values: dict[str, np.ndarray] = self.session.run(outputs, fed)
        return values

    def reads(self, tap: str) -> tuple[str, ...]:
        """What a layer reads: the nearest taps in front of it, or `video`."""
        names = {t.fed.op: name for name, t in self.taps.items()} | {self.video.op: "video"}
        found, waiting = set(), [self.taps[tap].output.op]
        while waiting:
            op = waiting.pop()
            if op in names:
                found.add(names[op])
            else:
                waiting += [tensor.op for tensor in op.inputs]
        return tuple(sorted(found))

    def capture(self, video: np.ndarray) -> dict[str, np.ndarray]:
        """Every tap in order of computation, for `video` `[B*T, H, W, 3]` or `[B, T, H, W, 3]`."""
        return self.run({"video": video}, self.taps)

    def save(self, prefix: str, global_step: int | None = None) -> str:
        """Write a TensorFlow 1 checkpoint with TensorFlow's own Saver; return its prefix."""
        if self._saver is None:
            raise ValueError("only the float32 graph writes checkpoints")
        with self.graph.as_default():
            saved = self._saver.save(self.session, prefix, global_step, write_meta_graph=False)
        return str(saved)

    def save_saved_model(self, folder: str) -> None:
        """Write a SavedModel with the signature `serving_default`: `video` in, `logits` out.

        `video` is `[batch, frames, H, W, 3]`, RGB in [0, 1]; `logits` `[batch, classes]`. The
        folder must not exist yet.
        """
        with self.graph.as_default():
            builder = v1.saved_model.Builder(folder)
            signature = v1.saved_model.predict_signature_def(
                {"video": self.clips}, {"logits": tf.identity(self.logits, "logits")}
            )
            builder.add_meta_graph_and_variables(
                self.session,
                [v1.saved_model.tag_constants.SERVING],
                signature_def_map={"serving_default": signature},
                saver=self._saver,
            )
            builder.save()

    def close(self) -> None:
        """Free the session."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
