"""What was found to correspond, of a spec that certainly has it."""

from verify import Matching, PortSpec, Report


def matching_of(outcome: PortSpec | Report) -> Matching:
    assert outcome.about.matching is not None
    return outcome.about.matching
