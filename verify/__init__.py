"""Comparing a port with its original: both precisions, every layer, two verdicts.

from verify import KerasModel, port_spec, probe_input, verify

spec = port_spec("mine", KerasModel(build, seed=0), MyNet(), probe_input((2, 64, 64, 3)))
report = verify(spec, level="training")
print(report.passed, report.first_failure, report.diagnosis)

This is all that there is to import; names are looked up when they are first used, so that importing
the package itself takes neither a framework nor half a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verify.custom.layouts.layout import Layout
    from verify.custom.load import load_spec
    from verify.custom.originals.graph.model import saved_model, tf1_graph, tf_function
    from verify.custom.originals.keras.model import KerasModel
    from verify.custom.originals.probes import probe_input
    from verify.custom.port_spec import port_spec
    from verify.custom.starting.start import start_spec
    from verify.diagnosis.plan import PortPlan
    from verify.diagnosis.verify import verify
    from verify.engine.events import Event, Explained, Judged, Part, Progress, Skipped
    from verify.engine.inference import compare_layers
    from verify.engine.layer_noise import compare_on_noise
    from verify.engine.training import compare_training
    from verify.engine.trajectory import compare_trajectory
    from verify.reports.files import prepare_outputs, write_report
    from verify.reports.outcome import Reason
    from verify.reports.report import Report, TapReport
    from verify.reports.schema import report_schema
    from verify.reports.training_report import TrainingReport, ValueReport
    from verify.reports.trajectory_report import TrajectoryReport
    from verify.specs.about import About, Matching
    from verify.specs.spec import OriginalRunner, PortRunner, PortSpec, Stage
    from verify.specs.training_spec import TrainingBatch, TrainingSpec
    from verify.specs.trajectory_spec import TrajectorySpec
    from verify.testing.assert_same import assert_same
    from verify.testing.parity_tests import parity_tests
    from verify.tvn.certificate import write_certificate
    from verify.tvn.determinism import be_deterministic
    from verify.tvn.levels import tvn_spec
    from verify.tvn.load import load_subject
    from verify.tvn.optimizers import OptimizerSpec
    from verify.tvn.spec import layers_spec
    from verify.tvn.subject import Subject
    from verify.tvn.to_tensorflow import write_checkpoint, write_saved_model
    from verify.tvn.training_spec import tvn_training_spec, tvn_trajectory_spec

_MODULES = {
    "custom.originals.graph.model": ("saved_model", "tf1_graph", "tf_function"),
    "custom.originals.keras.model": ("KerasModel",),
    "custom.layouts.layout": ("Layout",),
    "custom.load": ("load_spec",),
    "custom.port_spec": ("port_spec",),
    "custom.starting.start": ("start_spec",),
    "custom.originals.probes": ("probe_input",),
    "diagnosis.plan": ("PortPlan",),
    "diagnosis.verify": ("verify",),
    "engine.events": ("Event", "Explained", "Judged", "Part", "Progress", "Skipped"),
    "engine.inference": ("compare_layers",),
    "engine.layer_noise": ("compare_on_noise",),
    "engine.training": ("compare_training",),
    "engine.trajectory": ("compare_trajectory",),
    "reports.files": ("prepare_outputs", "write_report"),
    "reports.outcome": ("Reason",),
    "reports.report": ("Report", "TapReport"),
    "reports.schema": ("report_schema",),
    "reports.training_report": ("TrainingReport", "ValueReport"),
    "reports.trajectory_report": ("TrajectoryReport",),
    "specs.about": ("About", "Matching"),
    "specs.spec": ("OriginalRunner", "PortRunner", "PortSpec", "Stage"),
    "specs.training_spec": ("TrainingBatch", "TrainingSpec"),
    "specs.trajectory_spec": ("TrajectorySpec",),
    "testing.assert_same": ("assert_same",),
    "testing.parity_tests": ("parity_tests",),
    "tvn.certificate": ("write_certificate",),
    "tvn.determinism": ("be_deterministic",),
    "tvn.levels": ("tvn_spec",),
    "tvn.load": ("load_subject",),
    "tvn.optimizers": ("OptimizerSpec",),
    "tvn.spec": ("layers_spec",),
    "tvn.subject": ("Subject",),
    "tvn.to_tensorflow": ("write_checkpoint", "write_saved_model"),
    "tvn.training_spec": ("tvn_training_spec", "tvn_trajectory_spec"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "About",
    "Event",
    "Explained",
    "Judged",
    "KerasModel",
    "Layout",
    "Matching",
    "OptimizerSpec",
    "OriginalRunner",
    "Part",
    "PortPlan",
    "PortRunner",
    "PortSpec",
    "Progress",
    "Reason",
    "Report",
    "Skipped",
    "Stage",
    "Subject",
    "TapReport",
    "TrainingBatch",
    "TrainingReport",
    "TrainingSpec",
    "TrajectoryReport",
    "TrajectorySpec",
    "ValueReport",
    "assert_same",
    "be_deterministic",
    "compare_layers",
    "compare_on_noise",
    "compare_training",
    "compare_trajectory",
    "layers_spec",
    "load_spec",
    "load_subject",
    "parity_tests",
    "port_spec",
    "prepare_outputs",
    "probe_input",
    "report_schema",
    "saved_model",
    "start_spec",
    "tf1_graph",
    "tf_function",
    "tvn_spec",
    "tvn_training_spec",
    "tvn_trajectory_spec",
    "verify",
    "write_certificate",
    "write_checkpoint",
    "write_report",
    "write_saved_model",
]


def __getattr__(name: str) -> object:
    """A name of the public API, from the module that has it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
