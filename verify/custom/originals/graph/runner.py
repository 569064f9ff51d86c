"""Running a frozen graph: any tensor in it can be fetched, and fed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.nested import told
from verify.custom.originals.graph.frozen import FrozenGraph, first_line
from verify.custom.originals.graph.layers import GraphLayer
from verify.custom.originals.original import is_output, layer_tap
from verify.runners.tensorflow import import_tensorflow
from verify.specs.spec import Arrays, Stage


def imported(graph_def: Any) -> Any:
    """A graph made of it.

    Raises:
        InputError: TensorFlow cannot, since it does not know an operation.
    """
    tf = import_tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        try:
            tf.import_graph_def(graph_def, name="")
        except Exception as error:  # whatever TensorFlow raises
            raise InputError(f"the graph cannot be built: {first_line(error)}") from None
    return graph


def placeholders(given: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """By the name of what is given the placeholder: that of the name, or else the next in order.

    Raises:
        InputError: there are not as many, or some have known names and others not.
    """
    if set(given) == set(known):
        return dict(zip(given, given, strict=True))
    if len(given) != len(known) or set(given) & set(known):
        raise InputError(f"inputs: the original's are {', '.join(known)}, given {', '.join(given)}")
    return dict(zip(given, known, strict=True))


class GraphRunner:
    """Runs a graph; see `OriginalRunner`.

    Args:
        graph_def: in the precision to run it in.
        frozen: where it comes from.
        layers: of it.
        inputs: what is given is called so.

    Attributes:
        layers: by tap.
    """

    def __init__(
        self,
        graph_def: Any,
        frozen: FrozenGraph,
        layers: Mapping[str, GraphLayer],
        inputs: Sequence[str],
    ) -> None:
        self._placeholders = placeholders(inputs, frozen.inputs)
        self.layers = {layer_tap(name, inputs): layer for name, layer in layers.items()}
        self._tensors = {tap: layer.tensor for tap, layer in self.layers.items()}
        self._tensors |= frozen.outputs
        self._graph = imported(graph_def)
        self._session = import_tensorflow().compat.v1.Session(graph=self._graph)

    def all_numbers(self) -> set[str]:
        """The names of the tensors that layers read and compute, where these are numbers."""
        layers = self.layers.values()
        read = {name for layer in layers for name in (*layer.reads, *layer.states)}
        named = {n: self._graph.get_tensor_by_name(n) for n in {*read, *self._tensors.values()}}
        return {name for name, tensor in named.items() if _is_number(tensor.dtype)}

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """See `OriginalRunner`."""
        found = self.fetch(given, {self._tensors[tap] for tap in stage.taps})
        return {tap: found[self._tensors[tap]] for tap in stage.taps}

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `OriginalRunner`."""
        tensor = self._tensors[tap]
        taps = {self._tensors[name]: name for name in seen if name in self.layers}
        if is_output(tap) and tensor in taps:  # what is seen there is what goes out
            return self.fetch(seen, {tensor}, {tensor: seen[taps[tensor]]})[tensor]
        values = {name: seen[other] for name, other in taps.items() if name != tensor}
        for other, layer in self.layers.items():
            if layer.tensor in values:
                values |= dict.fromkeys(layer.ends, seen[other][-1])
        fed = {name: values[name] for name in self._in_front(tensor, values)}
        return self.fetch(seen, {tensor}, fed)[tensor]

    def fetch(
        self,
        given: Mapping[str, np.ndarray],
        tensors: Collection[str],
        fed: Mapping[str, np.ndarray] | None = None,
    ) -> Arrays:
        """Tensors by name, computed from inputs and from what is fed in place of others.

        Raises:
            InputError: the graph does not run on them.
        """
        feeds = {f"{node}:0": given[name] for name, node in self._placeholders.items()}
        feeds |= fed or {}
        cast = {name: _cast(array, self._dtype(name)) for name, array in feeds.items()}
        try:
            found: Arrays = self._session.run({name: name for name in tensors}, cast)
        except Exception as error:  # whatever TensorFlow raises
            shapes = told({name: given[name] for name in self._placeholders})
            raise InputError(
                f"the original does not run on {shapes}: {first_line(error)}"
            ) from None
        return found

    def close(self) -> None:
        """See `OriginalRunner`."""
        self._session.close()

    def _dtype(self, tensor: str) -> np.dtype[Any]:
        return np.dtype(self._graph.get_tensor_by_name(tensor).dtype.as_numpy_dtype)

    def _in_front(self, tensor: str, taps: Collection[str]) -> Iterator[str]:
        """The nearest of `taps` that `tensor` is computed from."""
        waiting = list(self._graph.get_tensor_by_name(tensor).op.inputs)
        met = set[str]()
        while waiting:
            read = waiting.pop()
            if read.name in met:
                continue
            met.add(read.name)
            if read.name in taps:
                yield read.name
            else:
                waiting += read.op.inputs


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_floating or dtype.is_integer or dtype.is_bool)


def _cast(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Between numbers of one kind alone."""
    if array.dtype.kind != dtype.kind and not (array.dtype.kind in "iu" and dtype.kind in "iuf"):
        raise InputError(f"inputs: the original takes {dtype}, given {array.dtype}")
    return array.astype(dtype)
