"""Memory formats in a training step: what turns a tensor over costs a copy to and fro."""

import pytest
import torch
from torch import Tensor

from port.layers.frames import flatten_time, unfold_time


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_gradient_comes_to_a_temporal_layer_as_its_output_left_it(
    frames: int, memory_format: torch.memory_format
) -> None:
    x = torch.rand(2 * frames, 5, 4, 3).to(memory_format=memory_format)
    found = unfold_time(x, frames).requires_grad_()
    came: list[Tensor] = []
    found.register_hook(came.append)
    y = flatten_time(found, x.shape)
    y.backward(torch.rand_like(y))
    assert y.is_contiguous(memory_format=memory_format)
    assert came[0].stride() == found.stride()
