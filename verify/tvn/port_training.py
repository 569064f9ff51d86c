"""A Tiny Video Network in PyTorch, one training step at a time."""

import copy
from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.convert.names import table
from port.convert.state_dict import tf_from_state_dict, to_tf
from port.model import TinyVideoNet
from verify.runners.pytorch import REFUSALS, gradient_or_zeros
from verify.specs.spec import Arrays
from verify.specs.training_spec import LOGITS, LOSS, TrainingBatch, gradient_of
from verify.tvn.original_training import VIDEO_GRADIENT

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class TorchTrainer:
    """A copy of `net`, in training mode and in `precision`.

    Args:
        net: the port.
        precision: `float64` or `float32`.
        loss: `softmax` or `sigmoid`, as in `reference_tf.Training`.
        optimizer: makes one for the parameters; `step` needs it.
    """

    def __init__(
        self,
        net: TinyVideoNet,
        precision: str,
        *,
        loss: str = "softmax",
        optimizer: MakeOptimizer | None = None,
    ) -> None:
        self._dtype = getattr(torch, precision)
        self.net = copy.deepcopy(net).to(self._dtype).train()
        # Its own probability stays: a wrong one is to show.
        self._dropout = FedDropout(net.head.dropout.p)
        self.net.head.dropout = self._dropout
        self._loss = {"softmax": softmax_loss, "sigmoid": sigmoid_loss}[loss]
        self._rows = table(net.genotype, net.num_classes)
        parameters = dict(self.net.named_parameters())
        self._parameters = {
            row.tf_name: parameters[row.torch_key] for row in self._rows if row.trainable
        }
        self._optimizer = optimizer(self._parameters.values()) if optimizer else None

    def run(self, batch: TrainingBatch) -> Arrays:
        """See `TrainingRunner`."""
        before = {name: buffer.clone() for name, buffer in self.net.named_buffers()}
        clips = self._clips(batch).requires_grad_()
        # A wrong port may refuse; what it did not compute is reported as missing.
        values: Arrays = {}
        with suppress(*REFUSALS):
            logits, loss = self._forward(clips, batch)
            values = self._statistics() | {LOGITS: _array(logits), LOSS: _array(loss)}
            loss.backward()
            values |= self._gradients()
            values[VIDEO_GRADIENT] = _array(gradient_or_zeros(clips).movedim(1, -1))
        self.net.zero_grad()
        for name, buffer in self.net.named_buffers():
            buffer.copy_(before[name])
        return values

    def step(self, batch: TrainingBatch) -> float:
        """Update the weights once; return the loss before."""
        assert self._optimizer is not None
        self._optimizer.zero_grad()
        _, loss = self._forward(self._clips(batch), batch)
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def values(self) -> Arrays:
        """Every variable's present value by TensorFlow name."""
        return tf_from_state_dict(self.net.state_dict(), self.net.genotype)

    def close(self) -> None:
        """See `TrainingRunner`."""
        self._parameters.clear()
        del self.net

    def _clips(self, batch: TrainingBatch) -> Tensor:
        return torch.from_numpy(batch.clips).to(self._dtype).movedim(-1, 1).contiguous()

    def _forward(self, clips: Tensor, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        self._dropout.kept = None if batch.kept is None else torch.from_numpy(batch.kept)
        logits = self.net(clips)
        return logits, self._loss(logits, torch.from_numpy(batch.labels))

    def _statistics(self) -> Arrays:
        buffers = dict(self.net.named_buffers())
        return {
            row.tf_name: to_tf(buffers[row.torch_key], row)
            for row in self._rows
            if not row.trainable
        }

    def _gradients(self) -> Arrays:
        return {
            gradient_of(row.tf_name): to_tf(gradient_or_zeros(self._parameters[row.tf_name]), row)
            for row in self._rows
            if row.trainable and self._parameters[row.tf_name].requires_grad
        }


class FedDropout(nn.Dropout):
    """`nn.Dropout` with a mask from outside; without one, nothing is dropped."""

    kept: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; the mask has it too."""
        return input if self.kept is None else torch.where(self.kept, input / (1 - self.p), 0)


def softmax_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch of the cross-entropy with one class a clip, `labels` `[B]`."""
    return F.cross_entropy(logits, labels)


def sigmoid_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over batch and classes of the cross-entropy with `labels` `[B, classes]`, 0 or 1."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()
