"""Two processes with one seed compute the same bits in training, on either side."""

import subprocess
import sys

SCRIPT = """
import hashlib

from verify.tvn.subject import Subject
from verify.tvn.determinism import be_deterministic

be_deterministic(7)
from tests.verify.nets import EVERY_LAYER
from verify.tvn.optimizers import OptimizerSpec
from verify.tvn.training_spec import tvn_trajectory_spec

adam = OptimizerSpec("adam", 0.01)
spec = tvn_trajectory_spec(Subject(EVERY_LAYER), optimizer=adam, steps=4)
for precision in ("float32", "float64"):
    for make in (spec.original, spec.port):
        trainer, digest = make(precision, spec.variables), hashlib.sha256()
        captured = trainer.run(spec.batches[0])
        losses = [trainer.step(batch) for batch in spec.batches]
        for name, value in (captured | trainer.values()).items():
            digest.update(name.encode() + value.tobytes())
        print(digest.hexdigest(), losses[-1].hex())
"""


def digests() -> list[str]:
    """Of both sides in both precisions: a captured step, and the weights four steps on."""
    command = [sys.executable, "-c", SCRIPT]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    return finished.stdout.split("\n")[:4]


def test_the_same_seed_gives_the_same_bits_in_another_process() -> None:
    first = digests()
    assert len(set(first)) == 4
    assert first == digests()
