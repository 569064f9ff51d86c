"""All nets of the measurement, by name."""

from verify.measure.custom.net import Net
from verify.measure.custom.nets import (
    attention,
    images,
    mobile,
    plain_layers,
    public,
    sequences,
    shapes,
)

CATALOGUE: dict[str, Net] = {
    net.name: net
    for kind in (images, mobile, shapes, sequences, attention, plain_layers, public)
    for net in kind.NETS
}
