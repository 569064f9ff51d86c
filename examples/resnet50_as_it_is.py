"""ResNet-50 of transformers, as its configuration makes it, beside the one of keras.applications.

tvn verify --spec=examples/resnet50_as_it_is.py    # fails: they are two different nets
"""

from resnet50 import as_it_is, build

from verify.own import KerasModel, port_spec, probe_input
from verify.spec import PortSpec


def spec() -> PortSpec:
    """The original's convolutions have biases, for which this port has no place."""
    images = probe_input((2, 224, 224, 3))
    original = KerasModel(build, seed=0)
    return port_spec("resnet50 as it is", original, as_it_is(), images, without=["*_conv/bias"])
