"""The nets that the verifier is measured on: the search space's corners are among them."""

from dataclasses import replace

from tests.covering import draw_corners
from verify import compare_layers
from verify.tvn.cases import CORNERS, all_cases, corner_case


def test_the_corners_are_nets_of_the_covering_array() -> None:
    assert draw_corners(len(CORNERS)) == CORNERS


def test_among_the_corners_is_a_skip_beside_a_stride_that_nothing_takes() -> None:
    nets = [make() for name, make in all_cases().items() if name.startswith("corner ")]
    blocks = [net.genotype.blocks[0] for net in nets]
    assert len(blocks) == len(CORNERS)
    assert any(b.skip and b.spatial_kernel == 1 and b.spatial_stride > 1 for b in blocks)


def test_a_net_that_forgets_roundings_of_its_input_is_not_failed_for_it() -> None:
    """Its gates and activations are shut: a moved input draws nothing behind them anew."""
    case = corner_case(2)
    report = compare_layers(replace(case, subject=replace(case.subject, seed=11)).spec())
    assert report.passed, report.summary
    (again,) = (tap.accumulated for tap in report.taps if tap.name == "mean")
    assert again is not None and again.runs > 1, "nothing was in doubt"
