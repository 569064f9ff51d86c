"""What a published net costs, as counted on the published graph."""

import pytest
import torch
from hypothesis import given, settings
from torch.utils.flop_counter import FlopCounterMode

from port import Genotype, InputError, create_model
from port.cost import count
from tests.strategies import genotypes


@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [
        ("tvn1", 25_822_560, 4.3),
        ("tvn2", 108_834_766, 34.6),
        ("tvn3", 66_969_092, 53.6),
        ("tvn4", 43_076_844, 25.9),
        ("tvn_mobile_1", 7_315_326, 5.4),
        ("tvn_mobile_2", 5_491_179, 5.0),
    ],
)
def test_cost_is_the_published_graphs(name: str, parameters: int, giga: float) -> None:
    cost = count(Genotype.load(name), 50)
    assert cost.parameters == parameters
    assert cost.multiply_adds / 1e9 == pytest.approx(giga, abs=0.051)  # given to one decimal


@settings(max_examples=25)
@given(genotypes())
def test_arithmetic_counts_what_a_run_computes(genotype: Genotype) -> None:
    clip = genotype.clip
    try:
        net = create_model(genotype, 5).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, 3, clip.num_frames, clip.image_size, clip.image_size))
    except InputError:  # a net that cannot be built, or not run at this size
        return
    assert count(genotype, 5).multiply_adds == counter.get_total_flops() // 2
