"""Real videos, each one a class: trained on its first two thirds, tested on its last quarter.

python benchmarks/real_clips.py FOLDER     # at least 90 %

The parts are cut out, scaled down and encoded anew as UCF50's files are; then the real loading,
training and testing run on them. It shows that pictures and labels stay together on real video,
not that a net recognises actions: scenes are the same on both sides.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from train.data.decoding import read_all
from train.data.encoding import write_video
from train.data.generated import RATE, XVID

PIECES = {"g01": (0.0, 2 / 3, 8), "g02": (0.75, 1.0, 4)}  # from, to, into how many
SHORT_SIDE = 120
LONGEST = 600  # frames kept of a video, evenly thinned out


def main() -> None:
    """Run what the arguments say and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", default="epochs=25,evaluate_every=5")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, run = Path(folder) / "data", Path(folder) / "run"
        names = sorted(p for p in arguments.folder.iterdir() if p.suffix in (".avi", ".mp4"))
        for path in names:
            cut(path, data)
        start = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "tvn_cli", "finetune", "--preset=generated", f"--data={data}",
             f"--run={run}", "--split=groups", "--fold=1", f"--set={arguments.set}"],
            check=True,
        )  # fmt: skip
        results = json.loads((run / "test-last" / "results.json").read_text())
        print(
            f"{len(names)} classes, {results['videos']} test pieces: top-1 {results['top1']:.3f}, "
            f"{time.monotonic() - start:.0f} s"
        )


def cut(path: Path, data: Path) -> None:
    """Write the pieces of one video under `data`, in UCF50's form."""
    name = "".join(character for character in path.stem.title() if character.isalnum())
    (data / name).mkdir(parents=True)
    frames = [np.ascontiguousarray(frame) for _, frame in read_all(path, SHORT_SIDE)]
    frames = frames[:: -(-len(frames) // LONGEST)]
    for group, (begin, end, count) in PIECES.items():
        edges = np.linspace(begin * len(frames), end * len(frames), count + 1).astype(int)
        for number, (first, last) in enumerate(pairwise(edges), start=1):
            target = data / name / f"v_{name}_{group}_c{number:02}.avi"
            write_video(target, frames[first:last], RATE, "mpeg4", tag="XVID", options=XVID)


if __name__ == "__main__":
    main()
