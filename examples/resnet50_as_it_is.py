"""ResNet-50 of transformers, as its configuration makes it, beside the one of keras.applications.

tvn verify --spec=examples/resnet50_as_it_is.py    # fails: they are two different nets
"""

from dataclasses import replace

import resnet50

from verify import PortSpec


def spec() -> PortSpec:
    """Without any patch."""
    return replace(resnet50.spec(patches=()), name="resnet50 as it is")
