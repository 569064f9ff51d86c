"""Every pair of a Keras layer and torch modules is judged as it is, right or wrong."""

import pytest

from tests.verify.custom.pairs import families
from tests.verify.custom.pairs.judge import judged
from tests.verify.custom.pairs.pair import Pair

# The first of each family each time, all of them where slow tests run.
PAIRS = [
    pytest.param(
        pair, id=f"{family}, {pair.classes}, {number}", marks=[pytest.mark.slow] if number else []
    )
    for family, pairs in families().items()
    for number, pair in enumerate(pairs)
]


@pytest.mark.parametrize("pair", PAIRS)
def test_right_modules_pass_and_wrong_ones_fail_at_the_layer_with_the_cause(pair: Pair) -> None:
    misjudged = [
        f"{found.module}: {found.said}"
        for found in judged(pair)
        if not found.verdict or found.place is False or found.cause is False
    ]
    assert misjudged == []
