"""Wherever the original can be built, the port computes the same; where not, both refuse alike.

Random genotypes of the whole search space at random shapes, compared at every tap in float64.
"""

import pytest
from hypothesis import given, settings

from tests.parity.agreement import assert_agreement
from tests.strategies import Case, cases


@settings(max_examples=30)
@given(case=cases(with_streams=False))
def test_nets_of_one_stream_agree_or_are_refused_alike(case: Case) -> None:
    assert_agreement(case)


@settings(max_examples=30)
@given(case=cases(with_streams=True))
def test_nets_of_several_streams_agree_or_are_refused_alike(case: Case) -> None:
    assert_agreement(case)


@pytest.mark.slow
@settings(max_examples=1000)
@given(case=cases(with_streams=False) | cases(with_streams=True))
def test_a_thousand_nets_agree_or_are_refused_alike(case: Case) -> None:
    assert_agreement(case)
