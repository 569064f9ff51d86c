"""Any three values of the search space's fields meet in a net that agrees at every tap.

What random genotypes see by luck, such as a skip beside a spatial layer that is none but has a
stride, stands here for certain.
"""

from collections.abc import Iterator

import pytest
import torch

from tests.covering import covering_cases
from tests.parity.agreement import assert_agreement

# Three values of the fields that have most of them meet in some 150 nets, all others besides.
LEAST_COMPARED = 240


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """For nets this small, threads cost more than they save."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_net_of_the_covering_array_is_built_and_agrees() -> None:
    compared, wrong = 0, []
    for case in covering_cases(strength=3):
        try:
            assert assert_agreement(case), "both sides refuse it"
            compared += 1
        except AssertionError as error:
            wrong.append(f"{case}: {str(error)[:200]}")
    assert not wrong, "\n".join([f"{len(wrong)} nets are wrong, such as", *wrong[:3]])
    assert compared >= LEAST_COMPARED, f"only {compared} nets were compared"
