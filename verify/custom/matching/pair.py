"""A port beside its original, and what both are fed."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.layout import Layout
from verify.custom.matching.confirm import confirm, larger
from verify.custom.matching.correspondence import Correspondence
from verify.custom.matching.outputs import outputs_agree
from verify.custom.module.constants import closeness
from verify.custom.module.outputs import named_tensors
from verify.custom.module.torch_module import Forward
from verify.custom.originals.original import AnyOriginal, outputs_of
from verify.runners.whole_precision import WholePrecision


@dataclass(frozen=True)
class Pair:
    """Both sides; `inputs` are the original's, by name, and `layouts` say how they lie in the port.

    `said`: taps whose places are the user's word.
    """

    original: AnyOriginal
    module: nn.Module
    forward: Forward
    layouts: Mapping[str, Layout]
    inputs: Mapping[str, np.ndarray]
    said: tuple[str, ...] = ()

    def run(
        self, module: nn.Module, note: Callable[[], object] = lambda: None
    ) -> dict[str, Tensor]:
        """What `module`, a copy of the port in float64, computes; for `note` see WholePrecision."""
        tensors = {
            name: torch.from_numpy(self.layouts[name].to_port(array))
            for name, array in self.inputs.items()
        }
        doubles = {n: t.double() if t.is_floating_point() else t for n, t in tensors.items()}
        with WholePrecision(note):
            return named_tensors(self.forward(module, doubles))

    def confirm(self, correspondence: Correspondence) -> Correspondence:
        """With the taps alone that both surely have in common, see `matching.confirm`."""

        def agrees_again() -> bool:
            """Do the outputs agree on larger numbers, too?"""
            other = replace(self, inputs=larger(self.inputs))
            with torch.no_grad():
                returned = other.run(copy.deepcopy(self.module).double())
            truths = outputs_of(self.original.calls(other.inputs))
            return outputs_agree(correspondence.places, truths, returned, closeness(self.module))

        module = copy.deepcopy(self.module).double()
        said = [tap for tap in self.said if tap in correspondence.places]
        return confirm(correspondence, module, self.run, agrees_again, said)
