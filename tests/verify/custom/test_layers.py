"""docs/layers.md: it lists every layer of Keras, and what it says is what is found."""

from pathlib import Path

import pytest

from tests.verify.custom.layers import page, public_layers, rows, tried
from tests.verify.custom.pairs.left_out import REASONS

PAGE = Path(__file__).parents[3] / "docs" / "layers.md"


def test_every_layer_of_keras_is_in_a_pair_or_left_out_for_a_reason() -> None:
    left_out = {name for names in REASONS.values() for name in names}
    assert set(public_layers()) == {*tried()} | left_out, "tried, or with a reason"
    listed = PAGE.read_text()
    assert [name for name in public_layers() if name not in listed] == []


@pytest.mark.slow
def test_what_the_page_says_is_what_is_found() -> None:
    assert page(rows()) == PAGE.read_text()
