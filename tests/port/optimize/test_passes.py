"""Each pass leaves the function as it is, in float64 to 1e-12, by itself and with the others."""

import itertools
from collections.abc import Callable, Iterator, Mapping

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from port import InputError, TinyVideoNet
from port.fold import fold_batch_norms
from port.layers import TemporalPool
from port.optimize.convolutions import ActivatedConv
from port.optimize.frames import FramePool
from port.optimize.gates import GatedExpansion, GatedProjection
from port.optimize.optimize import PASSES, rewrite
from port.optimize.pointwise import Pointwise
from port.optimize.skips import JoinedResidual
from port.path import ConvNorm, Gate
from tests.covering import covering_cases
from tests.strategies import Case, cases
from verify.tvn.subject import build_port, seed_variables

NEAR = 1e-12
Change = Callable[[TinyVideoNet], nn.Module]


def built(case: Case) -> TinyVideoNet | None:
    """The case's net with weights that a mistake shows in; None where it cannot be built."""
    try:
        variables = seed_variables(case.genotype, case.classes, seed=1)
        return build_port(case.genotype, variables, case.max_pool).double().eval()
    except InputError:
        return None


def clips(case: Case) -> torch.Tensor:
    return torch.rand(case.batch, 3, case.frames, case.height, case.width, dtype=torch.float64)


def outcome(net: nn.Module, x: torch.Tensor) -> torch.Tensor | str:
    """The logits, or why there are none."""
    try:
        with torch.no_grad():
            return net(x)
    except InputError as error:
        return str(error)


def differing(case: Case, changes: Mapping[str, Change]) -> list[str]:
    """Which of `changes` make another function of the case's net."""
    net = built(case)
    if net is None:
        return []
    x = clips(case)
    wanted = outcome(net, x)
    return [name for name, change in changes.items() if not same(wanted, outcome(change(net), x))]


def same(wanted: torch.Tensor | str, found: torch.Tensor | str) -> bool:
    if isinstance(wanted, str) or isinstance(found, str):
        return bool(wanted == found)
    return bool((wanted - found).abs().max() <= NEAR * wanted.abs().max())


def alone(apply: Callable[[TinyVideoNet], None]) -> Change:
    def change(net: TinyVideoNet) -> nn.Module:
        folded = fold_batch_norms(net).requires_grad_(False)
        apply(folded)
        return folded

    return change


ALL = {"all": rewrite}
EACH = {apply.__name__: alone(apply) for apply in PASSES}


def test_passes_are_exact_on_all_pairs_of_the_search_space() -> None:
    wrong = [
        (case, names)
        for number, case in enumerate(covering_cases(strength=2))
        # Each alone on some, which is enough to see what each finds to rewrite.
        if (names := differing(case, ALL if number % 5 else EACH | ALL))
    ]
    assert wrong == []


@pytest.mark.slow
def test_all_passes_are_exact_on_all_triples_of_the_search_space() -> None:
    wrong = [case for case in covering_cases(strength=3) if differing(case, ALL)]
    assert wrong == []


@settings(max_examples=10)
@given(cases(with_streams=False) | cases(with_streams=True))
def test_passes_are_exact_on_random_nets(case: Case) -> None:
    assert differing(case, EACH | ALL) == []


def test_every_pass_finds_what_it_rewrites() -> None:
    made: set[type] = set()
    for case in itertools.islice(covering_cases(strength=2), 40):
        if net := built(case):
            fast = rewrite(net)
            made |= {type(module) for module in fast.modules()}
            pointwise = [m for m in fast.modules() if isinstance(m, ConvNorm | TemporalPool)]
            assert pointwise == []
    wanted = {Pointwise, GatedExpansion, GatedProjection, JoinedResidual, ActivatedConv, FramePool}
    assert wanted <= made
    assert Gate in made  # where no product stands beside it


def test_the_net_that_is_given_stays_as_it_is() -> None:
    case = next(covering_cases(strength=2))
    net = built(case)
    assert net is not None
    before = {key: value.clone() for key, value in net.state_dict().items()}
    structure = str(net)
    rewrite(net)
    assert str(net) == structure
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def _faults() -> Iterator[tuple[str, Change]]:
    def spoil(kind: type, attribute: str, value: object) -> Change:
        def change(net: TinyVideoNet) -> nn.Module:
            fast = rewrite(net)
            for module in fast.modules():
                if isinstance(module, kind):
                    setattr(module, attribute, value)
            return fast

        return change

    yield "the bias of a skip is lost", spoil(Pointwise, "shift", None)
    yield "windows of frames are too short", spoil(FramePool, "windows", [range(1)])
    yield "an activation is lost", spoil(ActivatedConv, "act_name", None)


@pytest.mark.parametrize(("name", "change"), list(_faults()))
def test_a_planted_mistake_is_seen(name: str, change: Change) -> None:
    cases = itertools.islice(covering_cases(strength=2), 40)
    assert any(differing(case, {name: change}) for case in cases)
