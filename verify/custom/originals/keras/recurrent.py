"""Keras' recurrent layers at work: their whole sequence, whatever they return of it.

A layer that returns the last step alone, or merges two directions, is watched in two steps: the
sequence, which is what torch's modules put out, and what it returns of that.
"""

from collections.abc import Callable
from typing import Any


def is_recurrent(layer: Any) -> bool:
    """Is it a loop over time, with its cells inside, or two of them?"""
    from keras import layers

    return isinstance(layer, layers.RNN | layers.Bidirectional)


def is_loop(layer: Any) -> bool:
    """Do the layers inside it work step by step, as no layers by themselves?"""
    from keras import layers

    return isinstance(layer, layers.RNN)


def run_whole(
    layer: Any, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], Callable[[Any], Any] | None]:
    """Run a recurrent layer so that it puts out its sequence.

    Returns:
        The sequence `[n, t, c]`, of two directions one behind the other; the last states, if the
        layer returns them; and what makes of the sequence that which the layer returns, or None if
        that is the sequence.
    """
    directions = _directions(layer)
    loops = [layer, *directions]
    merge, returns_sequence = getattr(layer, "merge_mode", "concat"), layer.return_sequences
    if any(getattr(loop, "zero_output_for_mask", False) for loop in loops):
        output, states = _split(call(*args, **kwargs), layer.return_state)
        return output, states, None
    try:
        for loop in loops:
            object.__setattr__(loop, "return_sequences", True)
        if directions:
            object.__setattr__(layer, "merge_mode", "concat")
        output, states = _split(call(*args, **kwargs), layer.return_state)
    finally:
        for loop in loops:
            object.__setattr__(loop, "return_sequences", returns_sequence)
        if directions:
            object.__setattr__(layer, "merge_mode", merge)
    if returns_sequence and merge == "concat":
        return output, states, None
    if not directions:
        return output, states, lambda sequence: sequence[:, -1]
    return output, states, lambda sequence: _merged(sequence, merge, returns_sequence)


def with_ends(layer: Any, states: Any, computed: Any, sequence: Any) -> Any:
    """The last states, where they are a last step of what was `computed` those of `sequence`.

    `h` is such, and goes with the sequence when that is replaced; `c` of an LSTM is none.
    """
    from keras import ops

    if isinstance(states, tuple | list):
        return type(states)(with_ends(layer, state, computed, sequence) for state in states)
    for end, other in zip(_ends(layer, computed), _ends(layer, sequence), strict=True):
        if end.shape == states.shape and bool(ops.all(end == states)):
            return other
    return states


def _ends(layer: Any, sequence: Any) -> list[Any]:
    """The last step of either direction."""
    from keras import ops

    if not _directions(layer):
        return [sequence[:, -1]]
    forward, backward = ops.split(sequence, 2, axis=-1)
    return [forward[:, -1], backward[:, 0]]


def forget_states(model: Any) -> None:
    """Let stateful layers begin anew, as every run of a comparison does."""
    for layer in stateful_layers(model):
        layer.reset_state()


def stateful_layers(model: Any) -> list[Any]:
    """The layers inside `model` that go on from one batch to the next."""
    from keras import layers

    loops = (layer for layer in model._flatten_layers() if isinstance(layer, layers.RNN))
    return [layer for layer in loops if layer.stateful]


def _directions(layer: Any) -> list[Any]:
    return [] if is_loop(layer) else [layer.forward_layer, layer.backward_layer]


def _split(value: Any, has_states: bool) -> tuple[Any, tuple[Any, ...]]:
    return (value[0], tuple(value[1:])) if has_states else (value, ())


def _merged(sequence: Any, mode: str | None, returns_sequence: bool) -> Any:
    """What two directions give together; the second is done at the first step."""
    from keras import ops

    forward, backward = ops.split(sequence, 2, axis=-1)
    if not returns_sequence:
        forward, backward = forward[:, -1], backward[:, 0]
    if mode is None:
        # Each as it comes: the second in the order in which it was computed.
        return forward, ops.flip(backward, axis=1) if returns_sequence else backward
    merges = {
        "concat": lambda: ops.concatenate([forward, backward], axis=-1),
        "sum": lambda: forward + backward,
        "ave": lambda: (forward + backward) / 2,
        "mul": lambda: forward * backward,
    }
    return merges[mode]()
