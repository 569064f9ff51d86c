"""`port.optimize`: what it takes, what it leaves alone, and how near it stays to the truth."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import port
from port import InputError, TinyVideoNet, capture
from port.optimize.kernel.build import load_kernel
from tests.port.test_export import make_net
from tests.verify.nets import EVERY_LAYER

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def net() -> TinyVideoNet:
    return make_net(EVERY_LAYER)


def clips(batch: int = 2, height: int = 24, width: int = 31) -> torch.Tensor:
    return torch.rand(batch, 3, 4, height, width)


def distance(fast: TinyVideoNet, net: TinyVideoNet, x: torch.Tensor) -> float:
    """From the truth, of its largest magnitude."""
    with torch.inference_mode():
        truth = port.optimize(net.double(), dtype=torch.float64)(x.double())
        net.float()
        return float((fast(x).double() - truth).abs().max() / truth.abs().max())


@pytest.mark.parametrize("units", ["auto", "plain"])
def test_batches_and_sizes_are_all_taken_and_near_the_truth(net: TinyVideoNet, units: str) -> None:
    fast = port.optimize(net, units=units)
    for batch, height, width in ((1, 24, 31), (3, 17, 40), (2, 1, 1), (1, 64, 50)):
        assert distance(fast, net, clips(batch, height, width)) < 1e-5


def test_bfloat16_rounds_what_is_multiplied_and_nothing_else(net: TinyVideoNet) -> None:
    fast = port.optimize(net, dtype=torch.bfloat16)
    assert fast(clips()).dtype is torch.float32
    assert 1e-5 < distance(fast, net, clips()) < 0.1


def test_taps_that_are_left_have_the_nets_names_in_the_order_of_computation(
    net: TinyVideoNet,
) -> None:
    with torch.inference_mode():
        _, wanted = capture(net, clips())
        _, found = capture(port.optimize(net), clips())
    left = [name for name in wanted if name in found]
    assert list(found) == left
    assert {f"Block-{i}-0" for i in range(len(EVERY_LAYER.blocks))} <= found.keys()
    assert list(found)[-1] == list(wanted)[-1]


def test_no_gradients_are_taken_and_the_net_keeps_its_own(net: TinyVideoNet) -> None:
    fast = port.optimize(net)
    assert not fast(clips()).requires_grad
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_autocast_around_it_changes_nothing(net: TinyVideoNet) -> None:
    fast, x = port.optimize(net), clips()
    with torch.autocast("cpu", torch.bfloat16):
        found = fast(x)
    assert torch.equal(found, fast(x))


def test_wrong_clips_are_refused_as_by_the_net(net: TinyVideoNet) -> None:
    with pytest.raises(InputError, match="expected"):
        port.optimize(net)(torch.zeros(3, 4, 24, 31))


@pytest.mark.parametrize("options", [{"dtype": torch.float16}, {"units": "tensor"}])
def test_what_is_not_known_is_refused(net: TinyVideoNet, options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"only float32|there are"):
        port.optimize(net, **options)


def test_units_that_are_asked_for_are_there_or_refused(net: TinyVideoNet) -> None:
    with pytest.raises(InputError, match="not in float64"):
        port.optimize(net, dtype=torch.float64, units="bfloat16")
    if load_kernel() is not None:
        assert port.optimize(net).units == "bfloat16"  # type: ignore[attr-defined]


def test_the_function_and_its_package_go_by_one_name() -> None:
    code = "import port.optimize.gates, port; print(callable(port.optimize))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout == "True\n"
