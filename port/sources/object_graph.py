"""The object graph of a TF2 checkpoint: which variable is behind each object path.

Format: `tensorflow/core/protobuf/trackable_object_graph.proto`, kept as a string in the bundle.
"""

from __future__ import annotations

from collections import Counter

from port.sources.base import naming
from port.sources.bundle import Bundle
from port.sources.protos import parse
from port.sources.wire import MalformedError

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def full_names(bundle: Bundle) -> dict[str, str]:
    """Return, by key, the names of the variables that have one to themselves.

    Raises:
        InputError: The object graph is damaged.

    """
    stored = bundle.read(OBJECT_GRAPH)
    with naming(bundle.index):
        if stored.dtype != object or stored.shape != ():
            raise MalformedError("holds an object graph that is no string; it is damaged")
        graph = parse("TrackableObjectGraph", stored.item())
    names = {
        attribute.checkpoint_key: attribute.full_name
        for node in graph.nodes
        for attribute in node.attributes
        if attribute.full_name
    }
    keys = {info.name for info in bundle.infos()}
    names = {key: name for key, name in names.items() if key in keys}
    uses = Counter(names.values())
    return {key: name for key, name in names.items() if uses[name] == 1 and name not in keys}
