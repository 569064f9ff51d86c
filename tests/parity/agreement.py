"""One net on both sides: every tap agrees in float64, or both refuse it at the same block."""

import re
from dataclasses import replace

import numpy as np

from port import InputError
from port.convert import names
from reference_tf import GenotypeError, Original
from tests import recipe
from tests.parity.sides import as_original_takes, build_port, capture_port
from tests.strategies import Case

SAME_FUNCTION = 1e-11
# Weights and inputs are of order one, and so is nearly every tap. What comes out smaller than this
# is a difference of such numbers, and keeps the rounding of what it was taken from.
CANCELLED = 1e-3


def assert_agreement(case: Case) -> bool:
    """Compare every tap, or the blocks at which the two sides refuse; True if taps were."""
    clips = recipe.video((case.batch, case.frames, case.height, case.width, 3))
    truth, found = run_original(case, clips), run_port(case, clips)
    if isinstance(truth, str) or isinstance(found, str):
        assert isinstance(truth, str), f"only the port refuses, at {found}"
        assert isinstance(found, str), f"only the original refuses, at {truth}"
        assert_same_refusal(case, truth, found)
        return False
    assert list(found) == list(truth)
    for name, value in truth.items():
        assert found[name].shape == value.shape, name
        largest = np.abs(value).max()
        error = np.abs(found[name] - value).max()
        assert error <= SAME_FUNCTION * max(largest, CANCELLED), (name, error, largest)
    return True


def run_original(case: Case, clips: np.ndarray) -> dict[str, np.ndarray] | str:
    """Every tap, or where the original says that it cannot be built."""
    try:
        original = Original(
            case.genotype.to_json(),
            case.classes,
            batch=case.batch,
            frames=case.frames,
            height=case.height,
            width=case.width,
            dtype="float64",
            max_pool_predictions=case.max_pool,
        )
    except GenotypeError as error:
        return refusing_block(error)
    with original:
        original.load(recipe.weights(original.variables(), case.salt))
        return original.capture(as_original_takes(case.genotype, clips))


def run_port(case: Case, clips: np.ndarray) -> dict[str, np.ndarray] | str:
    """Every tap, or where the port says that it cannot be built or run."""
    try:
        variables = recipe.weights(port_variables(case), case.salt)
        net = build_port(case.genotype, variables, "float64", case.max_pool)
        return capture_port(net, clips)
    except InputError as error:
        return refusing_block(error)


def port_variables(case: Case) -> dict[str, tuple[int, ...]]:
    rows = names.table(case.genotype, case.classes)
    return {row.tf_name: row.tf_shape for row in rows}


def refusing_block(error: Exception) -> str:
    match = re.match(r"(Block-\d+-\d+|head)(/\w+)?: ", str(error))
    assert match, f"names no block: {error}"
    return match[1]


def assert_same_refusal(case: Case, truth: str, found: str) -> None:
    """Both name one block, unless two cannot be built.

    The original finds out about widths and sizes block by block; the port knows all widths when it
    is built and the sizes only when it is fed. So it may name a later block first, and without that
    one it must name the original's.
    """
    if truth == found:
        return
    assert found != "head", (truth, found)
    blocks = case.genotype.blocks[: int(found.split("-")[1])]
    assert blocks, (truth, found)
    fewer = replace(case, genotype=replace(case.genotype, blocks=blocks))
    clips = recipe.video((case.batch, case.frames, case.height, case.width, 3))
    without = run_port(fewer, clips)
    assert isinstance(without, str), (truth, found)
    assert_same_refusal(fewer, truth, without)
