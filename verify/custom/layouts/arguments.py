"""How several inputs by name go to a function: by its parameters' names, in order, or as one."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from verify.custom.layouts.nested import nested

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def arranged(
    function: Callable[..., Any], named: Mapping[str, Any], besides: Collection[str] = ()
) -> Arguments:
    """The arguments to call `function` with.

    Args:
        function: what takes the inputs. If its parameters have their names, they go by name; if it
            takes one thing alone, as one dict, or as a list if they are numbered.
        named: the inputs, nested ones as `a/b`.
        besides: parameters that are none of the inputs.
    """
    whole = nested(named)
    inputs = dict(enumerate(whole)) if isinstance(whole, list) else whole
    in_order = tuple(inputs.values())
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # such as a compiled function
        return in_order, {}
    if len(in_order) == 1:
        return in_order, {}
    takes = [each for each in parameters if each.name not in besides]
    names = [each.name for each in takes if each.kind is not inspect.Parameter.POSITIONAL_ONLY]
    if all(name in names for name in inputs):
        return (), dict(inputs)
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in takes):
        return in_order, {}
    places = [each for each in takes if each.kind in POSITIONAL]
    return ((whole,), {}) if len(places) == 1 else (in_order, {})
