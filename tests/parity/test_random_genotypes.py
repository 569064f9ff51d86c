"""Wherever the original can be built, the port computes the same; where not, both refuse alike.

Random genotypes of the whole search space at random shapes, compared at every tap in float64.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity.agreement import assert_agreement
from tests.strategies import Case, cases

# Of the nets drawn, both sides refuse about half: a share that says the rest were compared.
LEAST_SHARE = 0.25


@pytest.mark.parametrize("with_streams", [False, True], ids=["one stream", "several streams"])
def test_random_nets_agree_or_are_refused_alike(with_streams: bool) -> None:
    assert share_compared(cases(with_streams=with_streams), 30) >= LEAST_SHARE


@pytest.mark.slow
def test_a_thousand_nets_agree_or_are_refused_alike() -> None:
    drawn = cases(with_streams=False) | cases(with_streams=True)
    assert share_compared(drawn, 1000) >= LEAST_SHARE


def share_compared(nets: st.SearchStrategy[Case], number: int) -> float:
    """Draw so many nets; of which share taps were compared, not refusals."""
    compared: list[bool] = []

    @settings(max_examples=number)
    @given(case=nets)
    def compare(case: Case) -> None:
        compared.append(assert_agreement(case))

    compare()
    return sum(compared) / len(compared)
