"""`capture` sees every layer once, in order, changes nothing and leaves nothing behind."""

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from port import Genotype, InputError, TinyVideoNet, capture
from port.taps import tapped_modules
from tests.port.nets import small_clips, small_net, small_state_dict
from tests.strategies import genotypes


def test_taps_stand_in_the_order_of_computation() -> None:
    net = small_net().eval()
    seen: list[str] = []
    names = {module: name for name, module in tapped_modules(net).items()}
    handles = [
        module.register_forward_hook(lambda m, _args, _out: seen.append(names[m]))
        for module in names
    ]
    net(small_clips())
    for handle in handles:
        handle.remove()
    _, taps = capture(net, small_clips())
    assert list(taps) == seen == list(names.values())
    assert len(set(seen)) == len(seen)
    assert [name for name in seen if "/" not in name and name.startswith("Block")] == [
        f"Block-{block}-{repeat}" for block in range(3) for repeat in range(2)
    ]


@settings(max_examples=50)
@given(genotype=genotypes())
def test_every_layer_with_parameters_has_a_tap(genotype: Genotype) -> None:
    with torch.device("meta"):
        try:
            net = TinyVideoNet(genotype, 2)
        except InputError:  # the original has no such net either
            return
    tapped = set(tapped_modules(net).values())
    holders = [m for m in net.modules() if list(m.parameters(recurse=False))]
    assert all(module in tapped for module in holders)


def test_capturing_changes_neither_output_nor_net() -> None:
    net = small_net().eval()
    net.load_state_dict(small_state_dict())
    before = net(small_clips())
    logits, taps = capture(net, small_clips())
    assert torch.equal(logits, before) and torch.equal(taps["dense"], before)
    assert torch.equal(net(small_clips()), before)
    assert no_hooks(net)


def test_a_failing_run_leaves_no_hooks() -> None:
    net = small_net().eval()
    with pytest.raises(InputError):
        capture(net, small_clips(frames=3))
    assert no_hooks(net)


def no_hooks(net: nn.Module) -> bool:
    return not any(module._forward_hooks for module in net.modules())
