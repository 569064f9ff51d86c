"""One optimizer, made for either side: TensorFlow's own, and what computes the same in PyTorch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from port.optim import AdamTF, RMSpropTF, as_float32

if TYPE_CHECKING:
    from reference_tf.optimizers import Apply


@dataclass(frozen=True)
class OptimizerSpec:
    """`kind` is `momentum`, `rmsprop` or `adam`; `options` are TensorFlow's, under its names.

    `weight_decay` is the factor of an L2 term in the loss, half the sum of squares.
    """

    kind: str = "momentum"
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def original(self) -> "Apply":
        """For `reference_tf.Training`."""
        from reference_tf.optimizers import make_optimizer

        return make_optimizer(
            self.kind,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            **self.options,
        )

    def port(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The same for the port; torch's own where its arithmetic is TensorFlow's."""
        names = TORCH_NAMES[self.kind]
        options = {names[name]: value for name, value in self.options.items()}
        options |= {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        match self.kind:
            case "momentum":
                rounded: dict[str, Any] = {
                    name: value if isinstance(value, bool) else as_float32(value)
                    for name, value in options.items()
                }
                return torch.optim.SGD(parameters, **rounded)
            case "rmsprop":
                return RMSpropTF(parameters, **options)
        betas = (options.pop("beta1", 0.9), options.pop("beta2", 0.999))
        return AdamTF(parameters, betas=betas, **options)


TORCH_NAMES = {
    "momentum": {"momentum": "momentum", "use_nesterov": "nesterov"},
    "rmsprop": {"decay": "alpha", "momentum": "momentum", "epsilon": "eps"},
    "adam": {"beta1": "beta1", "beta2": "beta2", "epsilon": "eps"},
}
