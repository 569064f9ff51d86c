"""Recurrent modules of torch written out, so that what is fixed in them can be another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Recurrence:
    """With other functions than torch's; `reset_after`: of a GRU, as Keras calls it."""

    gate: Function = torch.sigmoid
    activation: Function = torch.tanh
    reset_after: bool = True

    def __call__(
        self, module: nn.RNNBase, right: Callable[..., Any], x: Tensor, states: Any = None
    ) -> tuple[Tensor, Any]:
        """What `module` computes of `x` so; in the place of its `forward`, which is `right`."""
        y = x if module.batch_first else x.transpose(0, 1)
        directions = ("", "_reverse") if module.bidirectional else ("",)
        begins = states if isinstance(states, tuple) else (states,)
        for layer in range(module.num_layers):
            parts = []
            for number, end in enumerate(directions):
                place = layer * len(directions) + number
                zeros = y.new_zeros(len(y), module.hidden_size)
                start = [zeros if each is None else each[place] for each in begins]
                steps = self._steps(module, f"l{layer}{end}", y.flip(1) if end else y, start)
                parts.append(steps.flip(1) if end else steps)
            y = torch.cat(parts, -1)
        last = y[:, -1][None]
        ends = (last, last) if isinstance(module, nn.LSTM) else last
        return (y if module.batch_first else y.transpose(0, 1)), ends

    def _steps(self, module: nn.RNNBase, end: str, x: Tensor, start: list[Tensor]) -> Tensor:
        names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if module.bias else ()))
        of_x, of_h, *biases = (getattr(module, f"{name}_{end}") for name in names)
        h, c = start[0], start[-1]
        outputs = []
        for x_t in x.unbind(1):
            read = F.linear(x_t, of_x, biases[0] if biases else None)
            if isinstance(module, nn.LSTM):
                i, f, g, o = (read + F.linear(h, of_h, *biases[1:])).chunk(4, -1)
                c = self.gate(f) * c + self.gate(i) * self.activation(g)
                h = self.gate(o) * self.activation(c)
            elif isinstance(module, nn.GRU):
                h = self._gru(read, h, of_h, biases[1] if biases else None)
            else:
                h = self.activation(read + F.linear(h, of_h, *biases[1:]))
            outputs.append(h)
        return torch.stack(outputs, 1)

    def _gru(self, read: Tensor, h: Tensor, of_h: Tensor, bias: Tensor | None) -> Tensor:
        r_x, z_x, n_x = read.chunk(3, -1)
        both, new = of_h.split([2 * h.shape[-1], h.shape[-1]])
        of_both, of_new = (None, None) if bias is None else bias.split([len(both), len(new)])
        r_h, z_h = F.linear(h, both, of_both).chunk(2, -1)
        r, z = self.gate(r_x + r_h), self.gate(z_x + z_h)
        if self.reset_after:
            recurrent = r * F.linear(h, new, of_new)
        else:
            recurrent = F.linear(r * h, new, of_new)
        return z * h + (1 - z) * self.activation(n_x + recurrent)
