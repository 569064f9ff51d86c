"""A training step of the port beside the same step of the original graph in TensorFlow.

python benchmarks/train_step.py --model=tvn1 --batch=8 --rounds=9

Forward, loss, gradients, batch-norm statistics, momentum with weight decay, float32, on clips that
are ready. In each round every side takes one step, in an order drawn anew, never two at a time.
On a machine that others use, GOMP_SPINCOUNT=0 keeps PyTorch's threads from waiting at full speed.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from port import Genotype
from port.convert.state_dict import tf_from_state_dict
from port.memory import keep_freed_memory
from train.config import Config
from train.distributed import World
from train.mixup import one_hot
from train.optim import set_training_mode
from train.start import start
from train.trainer import Trainer

CLASSES = 50
PLAIN = Config(label_smoothing=0.0, drop_rate=0.0, weight_decay=1e-4, lr=1e-4)
VARIANTS = {
    "port": {},
    "port, channels_last": {"channels_last": True},
    "port, channels_last, bf16": {"channels_last": True, "precision": "bf16"},
    "port, channels_last, compiled": {"channels_last": True, "compile": True},
}
BASE = "TensorFlow, its graph optimiser on"
Step = Callable[[], object]


def main() -> None:
    """Run what the arguments say and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tvn1")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip", default="", help="what not to measure, as compiled,as verified")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()  # as `tvn finetune` does; TensorFlow gains from it if it can
    makers: dict[str, Callable[[], Step]] = {
        name: partial(port_step, arguments, **settings) for name, settings in VARIANTS.items()
    }
    makers["TensorFlow, as verified"] = partial(tensorflow_step, arguments, optimised=False)
    makers[BASE] = partial(tensorflow_step, arguments, optimised=True)
    skipped = [word for word in arguments.skip.split(",") if word]
    steps = {
        name: make() for name, make in makers.items() if not any(word in name for word in skipped)
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    work: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()  # what is built and chosen in the first steps is no part of a step
    for round_ in range(arguments.rounds):
        for name in random.Random(round_).sample(list(steps), len(steps)):
            begin, worked = time.perf_counter(), time.process_time()
            steps[name]()
            times[name].append(time.perf_counter() - begin)
            work[name].append(time.process_time() - worked)
    print(f"{'':<36}{'seconds':>8}{'of TensorFlow':>26}{'core seconds':>14}{'of TensorFlow':>26}")
    for name in steps:
        cells = [f"{name:<36}"]
        for measured, width in ((times, 8), (work, 14)):
            cells.append(f"{statistics.median(measured[name]):>{width}.2f}")
            cells.append(f"{ratio(measured[name], measured[BASE]):>26}")
        print("".join(cells))


def ratio(mine: list[float], theirs: list[float]) -> str:
    """The median of the rounds' ratios, and between what half of them are."""
    ratios = sorted(a / b for a, b in zip(mine, theirs, strict=True))
    low, middle, high = (ratios[round(q * (len(ratios) - 1))] for q in (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def clips_and_labels(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Clips `[B, T, H, W, 3]` and labels `[B]`."""
    clip = Genotype.load(arguments.model).clip
    draw = np.random.default_rng(0)
    shape = (arguments.batch, clip.num_frames, clip.image_size, clip.image_size, 3)
    return draw.random(shape, np.float32), draw.integers(0, CLASSES, arguments.batch)


def port_step(arguments: argparse.Namespace, **settings: object) -> Step:
    """As `tvn finetune` takes it."""
    config = replace(PLAIN, model=arguments.model, **settings)
    net = start(config, [str(i) for i in range(CLASSES)]).net
    trainer = Trainer(net, config, World(torch.device("cpu")))
    video, labels = clips_and_labels(arguments)
    clips = torch.from_numpy(video).movedim(-1, 1).contiguous()
    targets = one_hot(torch.from_numpy(labels), CLASSES)

    def step() -> None:
        set_training_mode(trainer.net, config)
        trainer.optimizer.zero_grad(set_to_none=True)
        trainer.loss_of(clips, targets).backward()
        trainer.update()

    return step


def tensorflow_step(arguments: argparse.Namespace, optimised: bool) -> Step:
    """Of `reference_tf`; `optimised` with the graph rewriting that is TensorFlow's default."""
    import tensorflow as tf

    from reference_tf import Original
    from reference_tf.optimizers import make_optimizer
    from reference_tf.training import Batch, Training

    config = replace(PLAIN, model=arguments.model)
    net = start(config, [str(i) for i in range(CLASSES)]).net
    original = Original(net.genotype.to_json(), CLASSES, batch=arguments.batch, training=True)
    settings = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=arguments.threads)
    settings.graph_options.rewrite_options.disable_meta_optimizer = not optimised
    original.session.close()
    original.session = tf.compat.v1.Session(graph=original.graph, config=settings)
    optimizer = make_optimizer(
        "momentum", weight_decay=config.weight_decay, learning_rate=config.lr, momentum=0.9
    )
    training = Training(original, "softmax", optimizer)
    original.load(tf_from_state_dict(net.state_dict(), net.genotype))
    training.reset()
    video, labels = clips_and_labels(arguments)
    video = video.reshape(original.video.shape)
    return lambda: training.step(Batch(video, labels))


if __name__ == "__main__":
    main()
