"""How well a net learns, from scratch, to tell generated videos of groups it has not seen.

python benchmarks/generated_accuracy.py accuracy   # at least 95 % top-1 in 5 minutes on 2 cores
python benchmarks/generated_accuracy.py leak       # scenes alone: random split and groups
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from train.data.generated import write_generated

GROUPS, CLIPS = 10, 4
# Scenes are learnt more slowly than figures, and better by this.
SCENES = "optimizer=sgd,lr=0.05,batch_size=16,weight_decay=1e-4,epochs=40,evaluate_every=10"


def main() -> None:
    """Run what the arguments say and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["accuracy", "leak"])
    parser.add_argument("--seed", type=int, default=0, help="of the data and of the run")
    parser.add_argument("--folds", type=int, default=2, help="how many of the five")
    parser.add_argument("--set", default="", help="further settings")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"accuracy": accuracy, "leak": leak}[arguments.what](Path(folder), arguments)


def accuracy(folder: Path, arguments: argparse.Namespace) -> None:
    """Test groups are unseen."""
    write_generated(folder / "data", groups=GROUPS, clips=CLIPS, seed=arguments.seed)
    for fold in range(arguments.folds):
        print(
            finetune(folder / "data", folder / f"run-{fold}", "groups", fold, arguments), flush=True
        )


def leak(folder: Path, arguments: argparse.Namespace) -> None:
    """The class shows in the scene alone, and each group has a scene of its own."""
    write_generated(
        folder / "data", groups=GROUPS, clips=CLIPS, seed=arguments.seed, scene_only=True
    )
    arguments.set = f"{SCENES},{arguments.set}".strip(",")
    for scheme in ("random", "groups"):
        print(finetune(folder / "data", folder / scheme, scheme, 0, arguments), flush=True)


def finetune(data: Path, run: Path, scheme: str, fold: int, arguments: argparse.Namespace) -> str:
    """Train and test as a user does; the figures."""
    settings = f"seed={arguments.seed}" + (f",{arguments.set}" if arguments.set else "")
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "tvn_cli", "finetune", "--preset=generated", f"--data={data}",
         f"--run={run}", f"--split={scheme}", f"--fold={fold}", f"--set={settings}"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    seconds = time.monotonic() - start
    results = json.loads((run / "test-last" / "results.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    waiting = [row["waiting"] for row in rows if row["kind"] == "train"][-1]
    return (
        f"{scheme} fold {fold}: top-1 {results['top1']:.3f} of {results['videos']} videos, "
        f"{seconds:.0f} s in all, {waiting:.1%} of the training waiting for data"
    )


if __name__ == "__main__":
    main()
