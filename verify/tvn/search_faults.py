"""The catalogue's search for the mistakes of a port, for `verify.diagnosis.diagnose`."""

import copy
from collections.abc import Sequence
from contextlib import closing

from port.model import TinyVideoNet
from verify.diagnosis.cause import UNEXPLAINED, Cause
from verify.diagnosis.diagnose import Found, Search
from verify.reports.report import TapReport
from verify.specs.spec import PortSpec
from verify.specs.walk import walk
from verify.tvn.diagnose_faults import Suspect
from verify.tvn.spec import TvnPort


def search_faults(right: TinyVideoNet) -> Search:
    """Plant mistakes in `right` until it computes what the port does.

    Args:
        right: the port as it should be, with the original's weights.
    """

    def search(spec: PortSpec, failing: Sequence[TapReport]) -> Found:
        return (
            _found(spec, spec.port, failing, right)
            if isinstance(spec.port, TvnPort)
            else ([], None)
        )

    return search


def _found(
    spec: PortSpec, port: TvnPort, failing: Sequence[TapReport], right: TinyVideoNet
) -> Found:
    names = {tap.name for tap in failing}
    rounds = all(tap.isolated is not None and tap.isolated.same_function for tap in failing)
    precision = "float32" if rounds and not any(t.other_weights for t in failing) else "float64"
    nets = (copy.deepcopy(port.net).eval(), copy.deepcopy(right).eval())
    suspect = Suspect(*nets, port.batch, precision)
    causes: list[Cause] = []
    with closing(spec.original("float32")) as original:
        for step in walk(spec.stages, spec.inputs, original.run_stage):
            if names.intersection(step.stage.taps):
                causes += suspect.causes(step.stage, step.seen)
    named = [cause for cause in causes if cause.name != UNEXPLAINED]
    return causes, suspect.agrees(spec.stages, spec.inputs) if named else None
