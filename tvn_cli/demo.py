"""`tvn demo`: the main job on seeded weights and generated videos, nothing to download."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments
from tvn_cli.screen.say import say

USAGE = "tvn demo [--output=DIR]"
MODEL, CLASSES, SEED = "tvn1", 50, 2026
STEPS = 7


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.text("output", "folder for what the demo writes", "demo")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Convert a checkpoint, verify it, use it; then train a small net, test it, use it."""
    no_arguments(arguments, "output")
    folder = Path(values.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: --output cannot be written ({error.strerror})") from None
    checkpoint, weights = folder / "tvn1.ckpt", folder / "tvn1.safetensors"
    _step(1, f"TensorFlow writes a checkpoint of {MODEL} with seeded weights: {checkpoint}")
    _write_checkpoint(checkpoint)
    steps = (
        ("the checkpoint becomes PyTorch weights", "convert", f"--source={checkpoint}",
         f"--output={weights}"),
        ("the port is compared with the original, layer by layer", "verify", "--level=inference",
         f"--source={checkpoint}", f"--weights={weights}", f"--report={folder}"),
    )  # fmt: skip
    for number, (what, verb, *options) in enumerate(steps, start=2):
        if status := _run(number, what, verb, f"--model={MODEL}", *options):
            return status
    _step(4, "a generated clip, classified by both")
    _classify(checkpoint, weights)
    return _finetune(folder)


def _finetune(folder: Path) -> int:
    """Train a net small enough for a CPU on videos that tell their class by look and motion."""
    videos, run = folder / "generated_videos", folder / "run"
    if (run / "record.json").exists():
        shutil.rmtree(run)  # of an earlier demo, which would only be gone on with
    unseen = videos / "SpinCross" / "v_SpinCross_g01_c01.avi"
    if not videos.exists():  # those of an earlier demo are the same
        what = "videos in UCF50's form are generated; groups differ in scene"
        if status := _run(5, what, "data", "generate", str(videos), "--groups=6", "--clips=4"):
            return status
    what = "a small net learns them from scratch, and is tested on groups it has not seen"
    settings = "--set=epochs=15,evaluate_every=5"
    paths = (f"--data={videos}", f"--run={run}")
    if status := _run(6, what, "finetune", "--preset=generated", settings, *paths):
        return status
    return _run(7, "a video of one of those groups", "predict", f"--run={run}", str(unseen))


def _run(number: int, what: str, *command: str) -> int:
    from tvn_cli import main as cli

    _step(number, f"{what}: tvn {' '.join(command)}")
    return cli.main(command)


def _step(number: int, what: str) -> None:
    say("", f"[{number}/{STEPS}] {what}")


def _write_checkpoint(prefix: Path) -> None:
    from port.convert.names import table
    from port.genotype import Genotype
    from verify.numerics.probes import probe_variables
    from verify.tvn.to_tensorflow import write_checkpoint

    genotype = Genotype.load(MODEL)
    shapes = {row.tf_name: row.tf_shape for row in table(genotype, CLASSES)}
    write_checkpoint(prefix, genotype, probe_variables(shapes, SEED))


def _classify(checkpoint: Path, weights: Path) -> None:
    import torch

    import port
    from port.convert.convert_weights import read_variables
    from verify.numerics.probes import probe_video
    from verify.tvn.original import import_original

    genotype = port.Genotype.load(MODEL)
    clip = genotype.clip
    video = probe_video(1, clip.num_frames, clip.image_size, clip.image_size, SEED)
    with import_original()(genotype.to_json(), CLASSES, batch=1) as original:
        original.load(read_variables(checkpoint, genotype))
        theirs = original.capture(video[0])["dense"][0]
    net = port.create_model(MODEL, weights=weights).eval()
    with torch.no_grad():
        ours = net(torch.from_numpy(video).movedim(-1, 1))[0].numpy()
    say(f"{'TensorFlow (original)':<28}PyTorch (port)")
    for (a, p), (b, q) in zip(_top5(theirs), _top5(ours), strict=True):
        say(f"{f'class {a:>2}   {p:.6f}':<28}class {b:>2}   {q:.6f}")
    say(f"largest difference of a logit: {np.abs(theirs - ours).max():.1e}")


def _top5(logits: np.ndarray) -> list[tuple[int, float]]:
    odds = np.exp(logits - logits.max())
    return [(int(i), float(odds[i] / odds.sum())) for i in np.argsort(-logits)[:5]]
