"""Which of equal-shaped layers has which weights: the outputs decide, but not against names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.matching.alike_names import cross
from verify.custom.matching.correspondence import Correspondence
from verify.custom.matching.found import GIVEN, Found
from verify.custom.matching.loose_weights import LOOSE
from verify.custom.matching.outputs import outputs_agree
from verify.custom.matching.weights import Row, load, possible_layouts
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
Pair = tuple[str, str]  # of taps, or of variables that are no layer's


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

    def agrees(found: Found) -> bool:
        load(module, found.rows, variables)
        try:
            with torch.no_grad():
                return outputs_agree(places, truths, run(module))
        except REFUSALS:
            return False

    def exchanged(found: Found, pairs: Sequence[Pair]) -> Found | None:
        return exchange(replace(correspondence, found=found), pairs, module, variables)

    found = correspondence.found
    if agrees(found):
        denied = [pair for pair in _crossed(correspondence) if exchanged(found, [pair])]
        if not denied:
            return replace(correspondence, settled=AGREE)
        by_name = exchanged(found, denied) or found
        told = _told_against(replace(correspondence, found=by_name), denied)
        return replace(correspondence, found=by_name, settled=told)
    possible = _exchanges(correspondence)
    for pairs in possible[:TRIES]:
        other = exchanged(found, pairs)
        if other is None or not agrees(other):
            continue
        crossed = [{*pair} for pair in _crossed(replace(correspondence, found=other))]
        if against := [pair for pair in pairs if {*pair} in crossed]:
            told = _told_against(correspondence, against)
            return replace(correspondence, settled=told)
        told = SWAPPED.format(_listed(pairs))
        return replace(correspondence, found=other, settled=told)
    load(module, found.rows, variables)
    return replace(correspondence, settled=OPEN if correspondence.doubtful else CLEAR)


def exchange(
    correspondence: Correspondence,
    pairs: Sequence[Pair],
    module: nn.Module,
    variables: Mapping[str, np.ndarray],
) -> Found | None:
    """With the counterparts of layers exchanged, pair by pair; None if shapes forbid it."""
    found, places = correspondence.found, dict(correspondence.found.places)
    partner: dict[str, str] = {}
    for tap, other in pairs:
        mine, its = _variables(correspondence, tap), _variables(correspondence, other)
        placed = {row.variable for row in found.rows}
        if len(mine) != len(its) or not placed.issuperset((*mine, *its)):
            return None
        partner |= dict(zip(mine, its, strict=True)) | dict(zip(its, mine, strict=True))
        if tap in places and other in places:
            places[tap], places[other] = (
                replace(places[tap], module=places[other].module),
                replace(places[other], module=places[tap].module),
            )
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


def _exchanges(correspondence: Correspondence) -> list[tuple[Pair, ...]]:
    """What may be exchanged: one pair, or several together that have nothing in common."""
    pairs = {
        frozenset((match.tap, other)): (match.tap, other)
        for match in correspondence.found.matches
        for other in match.others
        if match.tap
    }
    return [
        chosen
        for count in range(1, len(pairs) + 1)
        for chosen in _first(combinations(pairs.values(), count))
        if len({tap for pair in chosen for tap in pair}) == 2 * count
    ]


def _first(chosen: Iterator[tuple[Pair, ...]]) -> Iterator[tuple[Pair, ...]]:
    """No more than are tried."""
    return (pairs for _, pairs in zip(range(TRIES), chosen, strict=False))


def _crossed(correspondence: Correspondence) -> list[Pair]:
    """Pairs of layers whose names say that each has the other's module."""
    said = {match.tap for match in correspondence.found.matches if match.sign == GIVEN}
    placed = {name: path for name, path in _paths(correspondence).items() if name not in said}
    return [
        (name, other)
        for (name, path), (other, its) in combinations(placed.items(), 2)
        if path != its and cross((_layer(name), path), (_layer(other), its))
    ]


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


def _told_against(correspondence: Correspondence, pairs: Sequence[Pair]) -> str:
    """With the line to write that confirms an exchange; the names are where they belong now."""
    paths, layers = _paths(correspondence), set(_owners(correspondence).values())
    said: dict[str, list[str]] = {"layers": [], "weights": []}
    for pair in pairs:
        for mine, its in (pair, pair[::-1]):
            argument = "layers" if mine in layers else "weights"
            said[argument].append(f"{_layer(mine)!r}: {paths[its]!r}")
    given = [f"{name}={{{', '.join(lines)}}}" for name, lines in said.items() if lines]
    return AGAINST.format(_listed(pairs), ", ".join(given))


def _listed(pairs: Sequence[Pair]) -> str:
    return "; ".join(f"{tap} and {other}" for tap, other in pairs)
