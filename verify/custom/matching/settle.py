"""Which of equal-shaped layers has which weights: the outputs decide, but not against names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.matching.alike_names import cross, cycles_of_three
from verify.custom.matching.correspondence import Correspondence
from verify.custom.matching.found import GIVEN, Found
from verify.custom.matching.outputs import outputs_agree
from verify.custom.matching.weights import LOOSE, Row, load, possible_layouts
from verify.custom.module.constants import closeness
from verify.custom.originals.original import is_output, outputs_of
from verify.runners.pytorch import REFUSALS

# Exchanges of equal-shaped layers that are tried, alone and together, where outputs differ.
TRIES = 48
AGREE = "the outputs agree in float64, so the weights are where they belong"
CLEAR = "the outputs differ in float64; which layer has which weights is in no doubt"
OPEN = "the outputs differ in float64, so it is open whether each layer has its own weights"
SWAPPED = "the outputs agree in float64 once {} are exchanged, which was done"
AGAINST = (
    "the outputs agree in float64 only with the weights of {} exchanged, against their names, "
    "which was not done; if the port means it so, give {}"
)
# Taps, or variables that are no layer's: each is to get the place of the next, the last that of
# the first.
Cycle = tuple[str, ...]


def settle(
    correspondence: Correspondence,
    module: nn.Module,
    variables: Mapping[str, np.ndarray],
    run: Callable[[nn.Module], Mapping[str, Tensor]],
) -> Correspondence:
    """Let the outputs decide: does the port, with these weights, compute what the original does?

    Where it does not, doubtful layers are exchanged with those that fit as well. What agrees only
    with weights where equal names deny them is not done, but told.

    Args:
        correspondence: what was found.
        module: the port in float64; its weights are changed.
        variables: the original's.
        run: runs the port on the inputs that the original ran on.
    """
    truths, places = outputs_of(correspondence.calls), correspondence.places
    within = closeness(module)

    def agrees(found: Found) -> bool:
        load(module, found.rows, variables)
        try:
            with torch.no_grad():
                return outputs_agree(places, truths, run(module), within)
        except REFUSALS:
            return False

    def exchanged(found: Found, cycles: Sequence[Cycle]) -> Found | None:
        return exchange(replace(correspondence, found=found), cycles, module, variables)

    found = correspondence.found
    if agrees(found):
        denied = [cycle for cycle in _crossed(correspondence) if exchanged(found, [cycle])]
        if not denied:
            return replace(correspondence, settled=AGREE)
        by_name = exchanged(found, denied) or found
        told = _told_against(correspondence, denied)
        return replace(correspondence, found=by_name, settled=told)
    for cycles in islice(_exchanges(correspondence), TRIES):
        other = exchanged(found, cycles)
        if other is None or not agrees(other):
            continue
        agreeing = replace(correspondence, found=other)
        crossed = [{*cycle} for cycle in _crossed(agreeing)]
        if against := [cycle for cycle in cycles if any(each <= {*cycle} for each in crossed)]:
            told = _told_against(agreeing, against)
            return replace(correspondence, settled=told)
        return replace(agreeing, settled=SWAPPED.format(_listed(cycles)))
    load(module, found.rows, variables)
    return replace(correspondence, settled=OPEN if correspondence.doubtful else CLEAR)


def exchange(
    correspondence: Correspondence,
    cycles: Sequence[Cycle],
    module: nn.Module,
    variables: Mapping[str, np.ndarray],
) -> Found | None:
    """With the counterparts of layers exchanged, cycle by cycle; None if shapes forbid it."""
    found, places = correspondence.found, dict(correspondence.found.places)
    partner: dict[str, str] = {}
    placed = {row.variable for row in found.rows}
    for cycle in cycles:
        for tap, other in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            mine, its = _variables(correspondence, tap), _variables(correspondence, other)
            if len(mine) != len(its) or not placed.issuperset((*mine, *its)):
                return None
            partner |= dict(zip(its, mine, strict=True))
            if tap in places and other in found.places:
                places[tap] = replace(places[tap], module=found.places[other].module)
    rows: list[Row] = []
    for row in found.rows:
        variable = partner.get(row.variable, row.variable)
        layout = row.layout
        if variables[variable].shape != variables[row.variable].shape:
            if str(row.of) or str(row.to):  # a block of one is none of the other
                return None
            fit = possible_layouts(module, row.key, variables[variable].shape, LOOSE)
            if (layout := next(fit, None)) is None:  # type: ignore[assignment]
                return None
        rows.append(replace(row, variable=variable, layout=layout))
    return replace(found, rows=rows, places=places)


def _exchanges(correspondence: Correspondence) -> Iterator[tuple[Cycle, ...]]:
    """What may be exchanged: one cycle, or several together that have nothing in common."""
    edges = dict.fromkeys(
        frozenset((match.tap, other))
        for match in correspondence.found.matches
        for other in match.others
        if match.tap
    )
    pairs = [(a, b) for a, b in map(sorted, edges)]
    triples = [
        cycle
        for a, b, c in combinations(sorted(frozenset().union(*edges)), 3)
        if edges.keys() >= {frozenset((a, b)), frozenset((b, c)), frozenset((a, c))}
        for cycle in ((a, b, c), (a, c, b))
    ]
    cycles: list[Cycle] = [*pairs, *triples]
    for count in range(1, len(cycles) + 1):
        for chosen in islice(combinations(cycles, count), TRIES):
            if len({tap for cycle in chosen for tap in cycle}) == sum(map(len, chosen)):
                yield chosen


def _crossed(correspondence: Correspondence) -> list[Cycle]:
    """Layers whose names say that each has the module of the next, the last that of the first."""
    said = {match.tap for match in correspondence.found.matches if match.sign == GIVEN}
    paths = {name: path for name, path in _paths(correspondence).items() if name not in said}
    names = {name: (_layer(name), path) for name, path in paths.items()}
    pairs = [
        (name, other)
        for name, other in combinations(names, 2)
        if paths[name] != paths[other] and cross(names[name], names[other])
    ]
    met = {name for pair in pairs for name in pair}
    left = {name: each for name, each in names.items() if name not in met}
    return [*pairs, *cycles_of_three(left)]


def _paths(correspondence: Correspondence) -> dict[str, str]:
    """By the first tap of a layer its module; by a variable that is no layer's its tensor."""
    owner = _owners(correspondence)
    return {
        owner.get(r.variable, r.variable): r.key.rpartition(".")[0]
        if r.variable in owner
        else r.key
        for r in correspondence.rows
    }


def _owners(correspondence: Correspondence) -> dict[str, str]:
    """By variable the first tap of its layer."""
    owners: dict[str, str] = {}
    for call in correspondence.calls:
        if is_output(call.tap):
            continue
        for variable in call.variables:
            owners.setdefault(variable, call.tap)
    return owners


def _variables(correspondence: Correspondence, name: str) -> tuple[str, ...]:
    """Of a tap's layer; without such a layer it is a variable's own name."""
    calls = {call.tap: call.variables or call.inside for call in correspondence.calls}
    return calls.get(name, (name,))


def _layer(tap: str) -> str:
    return tap.partition("#")[0].removesuffix("/linear")


def _told_against(agreeing: Correspondence, cycles: Sequence[Cycle]) -> str:
    """With the line to write that confirms the exchange by which the outputs agree."""
    paths, layers = _paths(agreeing), set(_owners(agreeing).values())
    said: dict[str, list[str]] = {"layers": [], "weights": []}
    for name in (name for cycle in cycles for name in cycle):
        said["layers" if name in layers else "weights"].append(f"{_layer(name)!r}: {paths[name]!r}")
    given = [f"{name}={{{', '.join(lines)}}}" for name, lines in said.items() if lines]
    return AGAINST.format(_listed(cycles), ", ".join(given))


def _listed(cycles: Sequence[Cycle]) -> str:
    return "; ".join(f"{', '.join(cycle[:-1])} and {cycle[-1]}" for cycle in cycles)
