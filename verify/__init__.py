"""Comparing a port with its original: both precisions, every layer, two verdicts.

report = verify.verify(verify.tvn_spec(port.Genotype.load("tvn1")))
print(report.passed, report.first_failure)
"""

from verify.engine.inference import verify
from verify.reports.report import Report, TapReport
from verify.specs.spec import OriginalRunner, PortRunner, PortSpec, Stage
from verify.tvn.spec import tvn_spec

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
