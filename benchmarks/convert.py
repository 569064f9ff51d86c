"""Time and memory of `tvn convert` on tvn2's checkpoint (435 MB), beside copying the file.

    python benchmarks/convert.py [--runs=5]

Alternates the two, so that whatever else the machine does falls on both; prints medians with the
range, and the peak resident memory of the converting process.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from port import Genotype
from port.convert.names import table
from verify.numerics.probes import probe_variables
from verify.tvn.to_tensorflow import write_checkpoint

MODEL = "tvn2"
# Reports the time of the work itself and of the whole process, imports included.
CONVERT = """
import time, sys
from port.convert.convert_weights import convert_weights
start = time.perf_counter()
convert_weights(sys.argv[1], sys.argv[2], sys.argv[3])
print(time.perf_counter() - start)
# Not getrusage's figure, which a process inherits from the one that started it.
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "model.ckpt"
        shapes = {row.tf_name: row.tf_shape for row in table(Genotype.load(MODEL), 50)}
        write_checkpoint(prefix, Genotype.load(MODEL), probe_variables(shapes, seed=0))
        data = next(Path(folder).glob("*.data-*"))
        copying, converting, whole, peaks = [], [], [], []
        for _ in range(runs):
            copying.append(_copy(data, Path(folder) / "copy"))
            work, total, peak = _convert(prefix, Path(folder) / "w.safetensors")
            converting.append(work)
            whole.append(total)
            peaks.append(peak)
        size = data.stat().st_size
    _show("copying and flushing", copying)
    _show("converting", converting)
    _show("the whole process, imports included", whole)
    ratios = [c / b for c, b in zip(converting, copying, strict=True)]
    _show("converting over copying (ratio)", ratios)
    print(f"peak memory: {max(peaks) / size:.2f} of the checkpoint's {size / 1e6:.0f} MB")


def _copy(source: Path, target: Path) -> float:
    start = time.perf_counter()
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 22):
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    seconds = time.perf_counter() - start
    target.unlink()
    return seconds


def _convert(prefix: Path, output: Path) -> tuple[float, float, int]:
    command = [sys.executable, "-c", CONVERT, str(prefix), MODEL, str(output)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed, _ = process.communicate()
    assert process.returncode == 0
    work, peak = printed.split()
    return float(work), time.perf_counter() - start, int(peak) * 1024


def _show(what: str, values: list[float]) -> None:
    print(f"{what}: {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
