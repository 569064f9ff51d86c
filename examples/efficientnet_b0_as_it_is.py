"""EfficientNet-B0 of transformers, as configured, beside the one of keras.applications.

tvn verify --spec=examples/efficientnet_b0_as_it_is.py    # fails: it does not scale its images
"""

from efficientnet_b0 import as_it_is, build

from verify import KerasModel, PortSpec, port_spec, probe_input


def spec() -> PortSpec:
    """The original scales and normalises its images, for which this port has no place."""
    original = KerasModel(build, seed=0)
    images = probe_input((2, 224, 224, 3), scale=255)
    name, without = "efficientnet_b0 as it is", ["normalization/*"]
    return port_spec(name, original, as_it_is(), images, without=without)
