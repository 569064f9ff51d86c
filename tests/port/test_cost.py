"""What a published net costs, as counted on the published graph."""

import pytest

from port import Genotype
from port.cost import count


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
