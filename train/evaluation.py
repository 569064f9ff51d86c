"""What a net says of whole videos: several clips and crops of each, averaged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from port.engines import Engine
from port.errors import InputError
from port.model import TinyVideoNet
from train.config import Config
from train.data.loaders import test_batches
from train.data.transform import CROPS, prepare
from train.data.videos import Video
from train.distributed import World
from train.signals import Stopped
from train.trainer import arithmetic, laid_out


@dataclass(frozen=True)
class Predictions:
    """What a net says of videos.

    Attributes:
        videos: those that could be decoded.
        probabilities: `[videos, classes]`, float64, means over clips and crops.
        failed: the files that could not be decoded, with the reason.
    """

    videos: tuple[Video, ...]
    probabilities: np.ndarray
    failed: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """`[videos]`."""
        return np.array([video.label for video in self.videos], np.int64)


def crops_of(count: int) -> tuple[str, ...]:
    """One crop is the centre; three cover a frame that is wider than high."""
    return CROPS[:count]


@torch.inference_mode()
def predict_videos(
    net: TinyVideoNet,
    videos: Sequence[Video],
    config: Config,
    world: World,
    *,
    clips: int = 1,
    crops: int = 1,
    stopping: Callable[[], bool] = lambda: False,
    engine: Engine | None = None,
) -> Predictions:
    """Run `net` over every video once, shared out over the processes of the run.

    Args:
        net: is put into evaluation mode.
        videos: what to test; all processes give the same.
        config: of the run.
        world: this process among those of the run.
        clips: evenly spaced clips of a video to average.
        crops: 1 or 3 of each clip.
        engine: runs the net, from clips to logits; the net itself if None.
        stopping: asked while no batch comes, and after each where the run is one process.

    Raises:
        Stopped: `stopping` said yes.
        InputError: no video could be decoded.
    """
    net.eval()
    clip = net.genotype.clip
    # Every process fills in the rows of its own videos; the sum is the whole table.
    total = torch.zeros(len(videos), net.num_classes, dtype=torch.float64)
    counted = torch.zeros(len(videos), dtype=torch.float64)
    failed: set[str] = set()
    for batch in test_batches(videos, clip, clips, config, world, stopping):
        failed.update(batch.failed)
        for crop in crops_of(crops):
            frames = prepare(batch, clip.image_size, crop, world.device)
            with arithmetic(config, world.device):
                logits = (engine or net)(laid_out(frames, config))
            odds = logits.float().softmax(1).double().cpu()
            total.index_add_(0, batch.videos[batch.decoded], odds[batch.decoded])
            counted.index_add_(0, batch.videos, batch.decoded.double())
        if world.size == 1 and stopping():
            raise Stopped
    total, counted = world.sum(total), world.sum(counted)
    found = counted > 0
    # A broken file fails as a whole or in one place; either way the rest is a mean.
    assert bool((counted <= clips * crops).all()), "a video was counted twice"
    if not bool(found.any()):
        raise InputError(f"none of {len(videos)} test videos could be decoded; see tvn data check")
    names = sorted(set().union(*world.gather(failed)))
    kept = tuple(video for video, there in zip(videos, found.tolist(), strict=True) if there)
    probabilities = (total[found] / counted[found, None]).numpy()
    return Predictions(kept, probabilities, tuple(names))
