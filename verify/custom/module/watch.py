"""Watching a torch module at work: the modules inside it, and operations that are no modules."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from verify.custom.module.aliases import Aliases
from verify.custom.module.compiled import was_recurrent
from verify.custom.module.operations import (
    Arguments,
    Operations,
    behind,
    beside,
    input_of,
    is_operation,
    operation_at,
    unseen,
)
from verify.custom.module.outputs import first_tensor, with_first, with_tensor
from verify.runners.operation import Operation, tensors_in

# Is told of a module at work: its place, itself, and what it returned, which it may replace.
Watch = Callable[[str, nn.Module, Any], Any]
# Is told of a module that is about to work: its place, itself, and its arguments.
Before = Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any]], None]


@dataclass(frozen=True)
class Between:
    """What is watched besides modules.

    `known`: operations by place, kept from one run to the next; those that are met first are
    added. `wanted`: their places that are of interest, None for all of them. `forgotten`: places
    where something is missing. `aliases` finds places whose output must not be replaced.
    """

    known: dict[str, Operation] = field(default_factory=dict)
    wanted: Collection[str] | None = None
    forgotten: Collection[str] = ()
    aliases: Aliases | None = None

    def __call__(self, place: str) -> Operation | None:
        """What stands at a place where something is missing."""
        if place not in self.forgotten:
            return None
        return self.known.setdefault(place, operation_at(place))


def between_of(places: Iterable[str]) -> Between:
    """What must be watched besides modules, that these places are seen."""
    known = {place: operation_at(place) for place in places if is_operation(place)}
    forgotten = {place for place in known if beside(place) != place}
    return Between(known, {p for p in map(beside, known) if is_operation(p)}, forgotten)


@contextmanager
def watch(
    module: nn.Module, see: Watch, before: Before | None = None, between: Between | None = None
) -> Iterator[None]:
    """Call `see(place, module, output)` after every module inside `module` has worked.

    A place is a module's path, and `path#2` when it works for the second time. `before` is called
    with `(place, module, arguments)` when it is about to. So it is with operations that are no
    modules, under the names of `verify.custom.module.operations`, if `between` is given.
    """
    between = Between(wanted=()) if between is None else between
    calls: Counter[str] = Counter()

    def place_of(path: str) -> str:
        return path if calls[path] == 1 else f"{path}#{calls[path]}"

    def register(stack: ExitStack, path: str, inner: nn.Module) -> None:
        def start(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            calls[path] += 1
            return enter(place_of(path), inner, args, kwargs)

        def end(_: nn.Module, _args: Any, output: Any) -> Any:
            return leave(place_of(path), inner, output)

        # TorchScript's own methods refuse, yet what is called from Python can be watched.
        pre_hook = nn.Module.register_forward_pre_hook(inner, start, with_kwargs=True)
        stack.callback(pre_hook.remove)
        stack.callback(nn.Module.register_forward_hook(inner, end).remove)

    def enter(place: str, inner: nn.Module, args: Any, kwargs: dict[str, Any]) -> Arguments:
        """See what is missing on the inputs of a place, and then what it reads."""
        for number, tensor in enumerate(tensors_in(args, kwargs), 1):
            if nothing := between(input_of(place, number)):
                args, kwargs = with_tensor((args, kwargs), tensor, missing(nothing, tensor))
        if before is not None:
            with unseen():
                before(place, inner, args, kwargs)
        return args, kwargs

    def leave(place: str, inner: nn.Module, output: Any) -> Any:
        """See what a place puts out, and then what is missing behind it."""
        with unseen():
            seen = see(place, inner, output)
        output = output if seen is None else seen
        tensor, nothing = first_tensor(output), between(behind(place))
        if tensor is None or nothing is None:
            return seen
        return with_first(inner, output, missing(nothing, tensor))

    def missing(nothing: Operation, tensor: Tensor) -> Tensor:
        with unseen():
            if before is not None:
                before(nothing.place, nothing, (tensor,), {})
            result: Tensor = nothing(tensor)
            seen = see(nothing.place, nothing, result)
        return seen if isinstance(seen, Tensor) else result

    with ExitStack() as stack:
        for path, inner in module.named_modules():
            if path and not was_recurrent(inner):
                register(stack, path, inner)
        if between.wanted is None or between.wanted:
            operations = Operations(leave, enter, between.wanted, between.known, between.aliases)
            stack.enter_context(operations)
        yield
