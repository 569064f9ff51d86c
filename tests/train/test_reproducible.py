"""A step's sums do not depend on which thread is done first."""

import os
import subprocess
import sys

# As of the gate of tvn1's last block, for one clip: a product that MKL splits among threads.
GRADIENTS = """
import hashlib

import torch

import train

torch.set_num_threads(2)
torch.manual_seed(0)
weight = torch.randn(128, 512, 1, 1)
x = torch.randn(1, 512, 1, 1, requires_grad=True)
up = torch.randn(1, 128, 1, 1)
for _ in range(150):
    (gradient,) = torch.autograd.grad(torch.nn.functional.conv2d(x, weight), x, up)
    print(hashlib.sha256(gradient.numpy().tobytes()).hexdigest())
"""


def test_a_gradient_has_the_same_bits_each_time() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    command = [sys.executable, "-c", GRADIENTS]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    digests = printed.stdout.split()
    assert len(digests) == 150 and len(set(digests)) == 1
