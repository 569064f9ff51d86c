"""The published nets agree at every layer inside their blocks, where the golden figures stop.

At a small, odd, oblong size and with both heads; at full size the taps would take gigabytes.
"""

import numpy as np
import pytest

import port
from port import Genotype
from port.convert import names
from reference_tf import Original
from tests import recipe
from tests.parity.sides import as_original_takes, build_port, capture_port

SIZE = {"height": 45, "width": 38}
SAME_FUNCTION = 1e-12


@pytest.mark.parametrize("model", port.list_models())
def test_every_layer_agrees(model: str) -> None:
    genotype, max_pool = Genotype.load(model), "mobile" in model or model == "tvn4"
    shapes = {row.tf_name: row.tf_shape for row in names.table(genotype, 5)}
    variables = recipe.weights(shapes)
    clips = recipe.video((2, genotype.clip.num_frames, *SIZE.values(), 3))
    with Original(
        genotype.to_json(), 5, batch=2, dtype="float64", max_pool_predictions=max_pool, **SIZE
    ) as original:
        original.load(variables)
        truth = original.capture(as_original_takes(genotype, clips))
    found = capture_port(build_port(genotype, variables, "float64", max_pool), clips)
    assert list(found) == list(truth)
    for name, value in truth.items():
        assert found[name].shape == value.shape, name
        assert np.abs(found[name] - value).max() <= SAME_FUNCTION * np.abs(value).max(), name
