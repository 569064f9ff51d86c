"""Repairs of a loop that somebody wrote over one of torch's cells: what it does step by step.

What the original computes is found first: the cell over all steps, from zeros on, in one of the two
directions. Then the mistake is the loop that gives what the module returns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from verify.diagnosis.cause import EXPLAINED, Repair, explained_share, same
from verify.diagnosis.fault import Plant, Site, Undo, behaves
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.repairs_recurrent import recurrent_repairs

LETTERS = "hc"


@dataclass(frozen=True)
class _Loop:
    """Over the steps of `x` `[n, t, c]`; the fields are how somebody may get it wrong."""

    backwards: bool = False
    start: float = 0.0
    forgets: tuple[int, ...] = ()  # states that begin anew at every step
    swapped: bool = False
    returns: int = 0  # which of the states
    begins: int = 0
    ends: int = 0  # steps left out

    def __call__(self, cell: nn.RNNCellBase, x: Tensor) -> Tensor:
        """The state that is returned, after every step."""
        begin = x.new_full((len(x), cell.hidden_size), self.start)
        count = 2 if isinstance(cell, nn.LSTMCell) else 1
        states, outputs = [begin] * count, []
        steps = (x.flip(1) if self.backwards else x)[:, self.begins : x.shape[1] - self.ends]
        for x_t in steps.unbind(1):
            given = states[::-1] if self.swapped else states
            found = cell(x_t, given[0] if count == 1 else tuple(given))
            found = [found] if count == 1 else list(found)
            states = [begin if i in self.forgets else each for i, each in enumerate(found)]
            outputs.append(found[self.returns])
        return torch.stack(outputs, 1)


@torch.no_grad()
def loop_repairs(view: LayerView) -> Iterator[Repair]:
    """The changes that may mend a module around one cell, or the cell of a loop around it."""
    cells = [module for module in view.module.modules() if isinstance(module, nn.RNNCellBase)]
    if len(cells) != 1:
        return
    cell, x = cells[0], view.args[0] if view.args else None
    if view.stepwise:
        yield from _of_steps(view)
    if cell is view.module or not isinstance(x, Tensor) or x.ndim != 3:
        return
    path = next(name for name, module in view.module.named_modules() if module is cell)
    for repair in recurrent_repairs(cell):
        yield Repair(f"{path}: {repair.name}", _inside(path, repair.plant))
    computed = view.computed()
    if not isinstance(computed, Tensor):
        return
    for right in (_Loop(), _Loop(backwards=True)):
        y = right(cell, x)
        y = y if computed.ndim == 3 else y[:, -1]
        if explained_share(None, view.layout(y), view.expected) < EXPLAINED:
            continue
        rest = "its loop does something else than to step through time"
        names = [name for name, wrong in _mistakes(right, cell, x) if _is(wrong, computed)]
        yield Repair(next(iter(names), rest), behaves(_returning(y)))
        return


def _mistakes(right: _Loop, cell: nn.RNNCellBase, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """By name what a wrong loop puts out: its sequence, and the last of it."""
    steps, many = x.shape[1], isinstance(cell, nn.LSTMCell)
    wrong = {
        "reads time in the wrong direction": replace(right, backwards=not right.backwards),
        "the initial state is 1, not 0": replace(right, start=1.0),
        "the state is not handed on": replace(right, forgets=(0, 1) if many else (0,)),
    }
    if many:
        wrong |= {
            "state h is not handed on": replace(right, forgets=(0,)),
            "state c is not handed on": replace(right, forgets=(1,)),
            "states h and c are swapped": replace(right, swapped=True),
            "returns state c, not h": replace(right, returns=1),
        }
    for count in range(1, steps):
        told = f"{count} step{'s' * (count > 1)} left out"
        wrong[f"{told} at the end"] = replace(right, ends=count)
        wrong[f"{told} at the start"] = replace(right, begins=count)
    for name, loop in wrong.items():
        y = loop(cell, x)
        yield name, y
        yield name, y[:, -1]


def _of_steps(view: LayerView) -> Iterator[Repair]:
    """Of a cell that works in a loop around it: what it is given at each step."""
    steps = view.expected.shape[1]
    reads: list[Tensor] = []
    hook = view.module.register_forward_pre_hook(lambda _, args: reads.append(args[0].clone()))
    try:
        if view.again is not None:
            view.again()
    finally:
        hook.remove()
    if len(reads) != steps:
        return
    plant = behaves(_stepping(steps, None))
    yield Repair("the state is not handed on, or does not begin with zeros", plant)
    plant = behaves(_stepping(steps, reads[::-1]))
    yield Repair("steps through time in the wrong direction", plant)


def _stepping(steps: int, reads: list[Tensor] | None) -> Callable[..., Any]:
    """The cell with its own last output as its state, and with other inputs if given."""
    kept: dict[str, Any] = {"step": 0, "state": None}

    def step(module: nn.Module, right: Callable[..., Any], x: Tensor, *_: Any, **__: Any) -> Any:
        index = kept["step"] % steps
        x = x if reads is None else reads[index].to(x.dtype)
        kept["state"] = right(x, kept["state"] if index else None)
        kept["step"] += 1
        return kept["state"]

    return step


def _is(y: Tensor, computed: Tensor) -> bool:
    return y.shape == computed.shape and same(y.numpy(), computed.numpy(), "float64")


def _inside(path: str, plant: Plant) -> Plant:
    def planted(site: Site) -> Undo:
        return plant(Site(site.net, site.tap, site.module.get_submodule(path)))

    return planted


def _returning(y: Tensor) -> Callable[..., Tensor]:
    def returning(_: nn.Module, right: Callable[..., Tensor], x: Tensor, *rest: Any) -> Tensor:
        return y.to(x.dtype)

    return returning
