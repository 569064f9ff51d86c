"""Putting what functions do in the place of their calls, so that its layers can be seen."""

from collections.abc import Collection
from typing import Any

from verify.runners.tensorflow import import_tensorflow

CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


def inlined(graph_def: Any, kept: Collection[str]) -> Any:
    """A graph without calls of functions; loops and branches stay as they are.

    Args:
        graph_def: of a session, frozen.
        kept: tensors that keep their names.
    """
    for node in graph_def.node:
        # Else a session takes loops and branches apart, and what is fed in their place is lost.
        node.attr.pop("_lower_using_switch_merge", None)
    if not any(node.op in CALLS for node in graph_def.node):
        return graph_def
    tf = import_tensorflow()
    from tensorflow.python.grappler import tf_optimizer

    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
        meta = tf.compat.v1.train.export_meta_graph(graph=graph)
    meta.collection_def["train_op"].node_list.value.extend(kept)
    config = tf.compat.v1.ConfigProto()
    rewrites = config.graph_options.rewrite_options
    rewrites.min_graph_nodes, rewrites.meta_optimizer_iterations = -1, 1
    rewrites.optimizers.append("function")
    return tf_optimizer.OptimizeGraph(config, meta)
