"""docs/nets.md: a card for each published net."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from port.genotype import BlockGenotype, Genotype, list_models
from port.published import describe_models, list_disagreements

DOCS = Path(__file__).parents[2] / "docs"
WIDTH, ROW, GAP = 720, 34, 12
KINDS = {"std": "convolution", "depth": "depthwise", "1d": "convolution", "maxpool": "maximum"}
KINDS |= {"avgpool": "average"}
STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:600}"
    "rect{fill:#eef1fb;stroke:#8c9ad6}path{stroke:#8c9ad6;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}rect{fill:#262b40}}"
)
HEAD = """# The nets

Six Tiny Video Networks were published as definitions
([Piergiovanni, Angelova, Ryoo](https://arxiv.org/abs/1910.06961)). This page is written from those
definitions (`port/genotypes`), from what `tvn models` counts and from the
[measurement](measured.md), by `python -m tests.docs.write`.

A drawing reads from top to bottom. Each row is a block, with what its layers do to the clip: the
spatial convolution or pool, its kernel and stride, the same in time, gates, and how many channels
it gives.

What is known of all six: the port computes the original's function, at every layer, in inference
and in training ([how that is verified](verification.md)); `tvn verify --model=NET` repeats it.
What is not known of any of them: whether the published, trained weights give the paper's
accuracies, since those weights could not be had here.
"""
MOBILE = (
    "As published it does not run: a variable is read before it is set. What is computed here is "
    "the one reading that gives one row of logits a clip (`reference_tf/net.py`)."
)


def write_nets() -> str:
    """The page."""
    rows = {row["name"]: row for row in describe_models()}
    notes = list_disagreements(list(rows.values()))
    measured = json.loads((DOCS / "measured.json").read_text(encoding="utf-8"))
    cases = {case["case"]: case for case in measured["cases"]}
    found = [HEAD]
    for name in list_models():
        own = [note.partition(": ")[2] for note in notes if note.startswith(f"{name}: ")]
        found += [*_card(name, rows[name], cases[name], own), ""]
    return "\n".join(found).rstrip() + "\n"


def _card(
    name: str, row: Mapping[str, Any], case: Mapping[str, int], notes: list[str]
) -> Iterator[str]:
    paper = row["paper"]
    yield f"## {name}"
    yield ""
    clip = f"{row['frames']} frames, {row['frame_stride']} frames apart in the video"
    if row["frame_stride"] == 1:
        clip = f"{row['frames']} frames in a row"
    yield from ("| what | |", "|---|---|", f"| clip | {clip}, {row['image_size']} pixels square |")
    yield f"| parameters | {row['parameters']:,} |"
    yield f"| multiply-adds | {row['multiply_adds'] / 1e9:.1f} G a clip |"
    if paper:
        yield (
            f"| the paper says | {paper['gflops']} GFLOPs; top-1 {paper['mit_top1_percent']} % on "
            f"Moments in Time; mAP {paper['charades_map_scratch']} % on Charades |"
        )
    yield (
        f"| the verifier, measured on it | {case['seen']:,} of {case['seen'] + case['missed']:,} "
        "wrong ports seen |"
    )
    yield f"| definition | `port/genotypes/{name}.json` |"
    yield from ("", f"![{name}, from the clip to the head](nets/{name}.svg)", "")
    yield from (f"- {note[:1].upper()}{note[1:]}." for note in notes)
    if "mobile" in name:
        yield f"- {MOBILE}"


def draw_net(name: str) -> str:
    """An SVG of a net: a row for the clip, for each block, and for the head."""
    genotype = Genotype.load(name)
    streams = genotype.input_streams or (genotype.clip,)
    rows = [
        ("clip", f"{each.num_frames} x {each.image_size} x {each.image_size} x 3")
        for each in streams
    ]
    for number, block in enumerate(genotype.blocks, 1):
        repeats = f" ({block.repeats} times)" if block.repeats > 1 else ""
        rows.append((f"block {number}{repeats}", ", ".join(_does(block))))
    rows.append(("head", "mean over frames and pixels, classifier"))
    height = len(rows) * (ROW + GAP) - GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{name}, from the clip to the head</title>",
        f"<style>{STYLE}</style>",
    ]
    for number, (title, about) in enumerate(rows):
        top, middle = number * (ROW + GAP), number * (ROW + GAP) + ROW / 2 + 4.5
        lines.append(f'<rect x="1" y="{top + 1}" width="{WIDTH - 2}" height="{ROW - 2}" rx="6"/>')
        lines.append(f'<text class="title" x="14" y="{middle}">{title}</text>')
        lines.append(f'<text x="150" y="{middle}">{about}</text>')
        if number + 1 < len(rows):
            lines.append(f'<path d="M75 {top + ROW}v{GAP}"/>')
    return "\n".join([*lines, "</svg>", ""])


def _does(block: BlockGenotype) -> Iterator[str]:
    size = f"{block.spatial_kernel}x{block.spatial_kernel}"
    yield f"{KINDS[block.spatial_type]} {size}{_stride(block.spatial_stride)}"
    if block.temporal_kernel > 1 or block.temporal_stride > 1:
        kind = KINDS[block.temporal_type]
        yield f"in time {kind} {block.temporal_kernel}{_stride(block.temporal_stride)}"
    gates = {
        "squeeze": block.squeeze,
        "context gate": block.context_gate,
        "non-local": block.non_local,
        "skip": block.skip,
    }
    yield from (name for name, there in gates.items() if there)
    yield f"{block.filters} channels"


def _stride(stride: int) -> str:
    return f" / {stride}" if stride > 1 else ""
