"""Verifying anybody's port: the original in whatever form, the port any torch module.

The file that a user writes, run by `tvn verify --spec=FILE`:

    from verify.custom import KerasModel, port_spec, probe_input

    def spec():
        original = KerasModel(build_my_keras_model, seed=0)
        return port_spec("my net", original, MyNet(), probe_input((2, 64, 64, 3)))
"""

from verify.custom.layouts.layout import Layout
from verify.custom.originals.graph.model import saved_model, tf1_graph, tf_function
from verify.custom.originals.keras.model import KerasModel
from verify.custom.originals.probes import probe_input
from verify.custom.port_spec import port_spec

__all__ = [
    "KerasModel",
    "Layout",
    "port_spec",
    "probe_input",
    "saved_model",
    "tf1_graph",
    "tf_function",
]
