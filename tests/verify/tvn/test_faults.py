"""The catalogue: each mistake can be made somewhere, is seen where it is made, and taken out."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from tests.verify.nets import EVERY_LAYER, EVERY_LAYER_SUBJECT
from verify.measure.bench import PRECISIONS, Bench
from verify.measure.mutants import LAYERS_ON_NOISE, Judge
from verify.tvn.cases import Case, random_case
from verify.tvn.faults import FAMILIES, FAULTS, Fault
from verify.tvn.probe_sets import EVEN_SIZE, ODD_SIZE, ProbeSet
from verify.tvn.subject import Subject
from verify.tvn.training_faults import FAULTS as TRAINING_FAULTS

SMALL_SETS = (
    replace(ODD_SIZE, height=29, width=37),
    replace(EVEN_SIZE, height=24, width=32),
    ProbeSet("extremes, odd", EVEN_SIZE.probes, 27, 35),
)


def every_layer() -> Case:
    """All layers of one stream and the first head."""
    return Case(EVERY_LAYER_SUBJECT, probes=SMALL_SETS)


def the_rest() -> Case:
    """Two streams that are resized, the head over frames, skips and turns of every kind."""
    data = EVERY_LAYER.to_dict()
    reads = (1, 3, 4, 5)
    first, second, third, fourth = (
        block | {"inputs": [index]} for block, index in zip(data["blocks"], reads, strict=True)
    )
    first |= {"repeats": 2, "skip": 1, "squeeze": 0.55, "filters": 10,
              "context_gate": 1, "spatial_stride": 1, "temporal_kernel": 2}  # fmt: skip
    second |= {"spatial_kernel": 4, "spatial_stride": 2, "temporal_stride": 3,
               "temporal_type": "1d", "temporal_kernel": 3}  # fmt: skip
    third |= {"spatial_type": "std", "skip": 1, "spatial_stride": 2,
              "temporal_kernel": 1}  # fmt: skip
    fourth |= {"filters": 16, "expand": 0, "temporal_kernel": 1, "spatial_kernel": 3}
    fourth |= {"spatial_stride": 3}
    # The last makes the clip longer than what the others take of it.
    streams = [
        {"num_frames": frames, "frame_stride": 1, "image_size": size}
        for frames, size in ((5, 21), (5, 19), (7, 5))
    ]
    blocks = [first, second, third, fourth]
    genotype = EVERY_LAYER.from_dict({"input_streams": streams, "blocks": blocks})
    subject = Subject(genotype, name="the rest", num_classes=16, max_pool_predictions=True, seed=4,
                      width=genotype.clip.image_size - 3)  # fmt: skip
    return Case(subject, probes=SMALL_SETS)


@pytest.fixture(scope="module")
def judges() -> Iterator[list[Judge]]:
    """Of both nets."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = [Judge(case, thorough=False) for case in (every_layer(), the_rest())]
    yield made
    for judge in made:
        judge.close()
    torch.set_num_threads(threads)


def test_the_catalogue_is_large_and_its_names_are_its_own() -> None:
    names = [fault.name for fault in (*FAULTS, *TRAINING_FAULTS)]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_fault_is_seen_where_it_is_made(family: str, judges: list[Judge]) -> None:
    for fault in FAMILIES[family]:
        mutants = [
            judge.judge(family, fault, tap, others=False)
            for judge in judges
            for tap in _ends(fault.sites(judge.case.net))
        ]
        assert mutants, f"{fault.name}: can be made nowhere"
        for mutant in mutants:
            where = f"{fault.name} in {mutant.case}, {mutant.tap}"
            assert mutant.first or mutant.equivalent, f"{where}: missed"
            assert mutant.first in ("", mutant.tap, mutant.sees), f"{where}: at {mutant.first}"
        # What cannot be told from the right port here, is told elsewhere: zeros for minus
        # infinity behind a ReLU, a ReLU that is applied twice.
        if fault.name not in ("ReLU twice", "maxima padded with zeros"):
            assert any(mutant.first for mutant in mutants), f"{fault.name}: never seen"


def _ends(sites: list[str]) -> list[str]:
    return sorted({sites[0], sites[-1]}) if sites else []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_taken_out_again(fault: Fault, judges: list[Judge]) -> None:
    for judge in judges:
        bench = judge.bench("noise")
        for tap in _ends(fault.sites(judge.case.net)):
            start = bench.stage_of(tap)
            before = _bits(bench, start)
            with bench.planted([(fault, tap)]):
                pass
            assert _bits(bench, start) == before


def _bits(bench: Bench, start: int) -> list[bytes]:
    outputs = (bench.outputs(precision, start, start + 1) for precision in PRECISIONS)
    return [array.tobytes() for found in outputs for array in found.values()]


def test_what_no_clips_show_the_layer_alone_shows_on_noise() -> None:
    """A gate's products of few numbers, which a factor of 4 forgives."""
    (fault,) = (fault for fault in FAULTS if fault.name == "products in TensorFloat-32")
    tap = "Block-1-1/ContextGate/conv2d"
    judge = Judge(random_case(5), thorough=False)
    mutant = judge.judge("precision", fault, tap, others=False)
    judge.close()
    assert (mutant.clips, mutant.first) == (LAYERS_ON_NOISE, tap)
