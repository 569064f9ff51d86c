"""`tvn demo`: the main job on seeded weights, nothing to download."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags

from port.errors import InputError
from tvn_cli.main import no_arguments

USAGE = "tvn demo [--output=DIR]"
MODEL, CLASSES, SEED = "tvn1", 50, 2026


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    flags.DEFINE_string("output", "demo", "folder for what the demo writes", flag_values=values)


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Write a checkpoint, convert it, verify it, classify a clip with both."""
    no_arguments(arguments)
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
    from tvn_cli import main as cli

    for number, (what, verb, *options) in enumerate(steps, start=2):
        command = [verb, f"--model={MODEL}", *options]
        _step(number, f"{what}: tvn {' '.join(command)}")
        if status := cli.main(command):
            return status
    _step(4, "a generated clip, classified by both")
    _classify(checkpoint, weights)
    return 0


def _step(number: int, what: str) -> None:
    print(f"\n[{number}/4] {what}", flush=True)


def _write_checkpoint(prefix: Path) -> None:
    from port.genotype import Genotype
    from port.names import table
    from verify.probes import probe_variables
    from verify.to_tensorflow import write_checkpoint

    genotype = Genotype.load(MODEL)
    shapes = {row.tf_name: row.tf_shape for row in table(genotype, CLASSES)}
    write_checkpoint(prefix, genotype, probe_variables(shapes, SEED))


def _classify(checkpoint: Path, weights: Path) -> None:
    import torch

    import port
    from port.converter import read_variables
    from verify.original import import_original
    from verify.probes import probe_video

    genotype = port.Genotype.load(MODEL)
    clip = genotype.clip
    video = probe_video(1, clip.num_frames, clip.image_size, clip.image_size, SEED)
    with import_original()(genotype.to_json(), CLASSES, batch=1) as original:
        original.load(read_variables(checkpoint, genotype))
        theirs = original.capture(video[0])["dense"][0]
    net = port.create_model(MODEL, weights=weights).eval()
    with torch.no_grad():
        ours = net(torch.from_numpy(video).movedim(-1, 1))[0].numpy()
    print(f"{'TensorFlow (original)':<28}PyTorch (port)")
    for (a, p), (b, q) in zip(_top5(theirs), _top5(ours), strict=True):
        print(f"{f'class {a:>2}   {p:.6f}':<28}class {b:>2}   {q:.6f}")
    print(f"largest difference of a logit: {np.abs(theirs - ours).max():.1e}")


def _top5(logits: np.ndarray) -> list[tuple[int, float]]:
    odds = np.exp(logits - logits.max())
    return [(int(i), float(odds[i] / odds.sum())) for i in np.argsort(-logits)[:5]]
