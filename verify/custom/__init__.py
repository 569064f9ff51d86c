"""Verifying anybody's port: the original in whatever form, the port any torch module.

The file that a user writes, run by `tvn verify --spec=FILE`:

    from verify.custom import KerasModel, port_spec, probe_input

    def spec():
        original = KerasModel(build_my_keras_model, seed=0)
        return port_spec("my net", original, MyNet(), probe_input((2, 64, 64, 3)))
"""

from verify.custom.graph_model import saved_model, tf1_graph, tf_function
from verify.custom.keras_model import KerasModel
from verify.custom.layouts import Layout
from verify.custom.port_spec import port_spec
from verify.custom.probes import probe_input

__all__ = [
    "KerasModel",
    "Layout",
    "port_spec",
    "probe_input",
    "saved_model",
    "tf1_graph",
    "tf_function",
]
