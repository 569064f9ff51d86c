"""What the tests of variants share: the small net's comparison, and judging a variant of it."""

from dataclasses import replace

import verify
from port import TinyVideoNet
from tests.verify.nets import EVERY_LAYER
from verify.reports.report import Report
from verify.tvn.spec import TvnPort
from verify.tvn.variants import variant

SPEC = verify.layers_spec(verify.Subject(EVERY_LAYER, num_classes=7, seed=1, width=31))


def copy_of_port() -> TinyVideoNet:
    """The right port, to be spoilt."""
    assert isinstance(SPEC.port, TvnPort)
    runner_net = SPEC.port.net
    net = TinyVideoNet(EVERY_LAYER, 7).eval()
    net.load_state_dict(runner_net.state_dict())
    return net


def judge(name: str, net: TinyVideoNet | None = None) -> Report:
    """Verify the variant `name` of `net`, or of the right port."""
    spec = SPEC if net is None else replace(SPEC, port=TvnPort(net, batch=2))
    return verify.compare_layers(variant(name, spec))
