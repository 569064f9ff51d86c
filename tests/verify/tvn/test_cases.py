"""The nets that the verifier is measured on: the search space's corners are among them."""

from tests.covering import draw_corners
from verify.tvn.cases import CORNERS, all_cases


def test_the_corners_are_nets_of_the_covering_array() -> None:
    assert draw_corners(len(CORNERS)) == CORNERS


def test_among_the_corners_is_a_skip_beside_a_stride_that_nothing_takes() -> None:
    nets = [make() for name, make in all_cases().items() if name.startswith("corner ")]
    blocks = [net.genotype.blocks[0] for net in nets]
    assert len(blocks) == len(CORNERS)
    assert any(b.skip and b.spatial_kernel == 1 and b.spatial_stride > 1 for b in blocks)
