"""Mistakes that people make in ports, to be planted one at a time: a verifier must see each.

A fault sits in one layer, named by its tap, and is taken out again when its `with` block ends.
`FAMILIES` is the catalogue, a file a kind of mistake; those of training alone are in
`verify.tvn.training_faults`.
"""

from verify.diagnosis.fault import Fault, Plant, Site, behaves, with_values
from verify.tvn.faults import (
    activations,
    gates,
    head,
    inputs,
    layouts,
    norms,
    padding,
    pooling,
    precision,
    skip,
    time,
    weights,
)

FAMILIES: dict[str, tuple[Fault, ...]] = {
    "padding": padding.FAULTS,
    "pooling": pooling.FAULTS,
    "layouts": layouts.FAULTS,
    "batch norm": norms.FAULTS,
    "activations": activations.FAULTS,
    "time": time.FAULTS,
    "gates": gates.FAULTS,
    "skip": skip.FAULTS,
    "head": head.FAULTS,
    "weights": weights.FAULTS,
    "input": inputs.FAULTS,
    "precision": precision.FAULTS,
}
FAULTS = tuple(fault for family in FAMILIES.values() for fault in family)


def named(name: str) -> Fault:
    """The fault of this name."""
    return next(fault for fault in FAULTS if fault.name == name)


__all__ = ["FAMILIES", "FAULTS", "Fault", "Plant", "Site", "behaves", "named", "with_values"]
