"""Comparing a port with its original: both precisions, every layer, two verdicts.

report = verify.verify(verify.tvn_spec(port.Genotype.load("tvn1")))
print(report.passed, report.first_failure)
"""

from verify.engine import verify
from verify.report import Report, TapReport
from verify.spec import OriginalRunner, PortRunner, PortSpec, Stage
from verify.tvn import tvn_spec

__all__ = [
    "OriginalRunner",
    "PortRunner",
    "PortSpec",
    "Report",
    "Stage",
    "TapReport",
    "tvn_spec",
    "verify",
]
