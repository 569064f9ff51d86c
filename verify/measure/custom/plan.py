"""The measurement on anybody's ports in units, one of mutants and one of right ports a net."""

from collections.abc import Callable
from functools import partial

from verify.measure.custom.catalogue import CATALOGUE
from verify.measure.plan import Plan, Rows

MUTANTS, RIGHT, MORE, SAMPLED = "mutants", "right ports", "more mutants", "sample"
# Of every net so many of twenty mutants, drawn by their names, come first, and the rest at last.
FIRST_OF_TWENTY = 13
# What the sample takes of some nets: so many mutants, drawn by their names.
SAMPLED_MUTANTS = 20
SAMPLE = tuple(f"{SAMPLED} {net}" for net in ("depthwise", "gated"))


def units() -> dict[str, Callable[[], Rows]]:
    """Every unit by name, the small ones of the sample too."""
    found: dict[str, Callable[[], Rows]] = {}
    for net in CATALOGUE:
        found[f"{MUTANTS} {net}"] = partial(_mutants, net, range(FIRST_OF_TWENTY))
    for net in CATALOGUE:
        found[f"{RIGHT} {net}"] = partial(_right_ports, net)
    for net in CATALOGUE:
        found[f"{MORE} {net}"] = partial(_mutants, net, range(FIRST_OF_TWENTY, 20))
    return found | {name: partial(_sample, name.removeprefix(f"{SAMPLED} ")) for name in SAMPLE}


def whole() -> list[str]:
    """The units that together measure every net."""
    return [name for name in units() if name not in SAMPLE]


CUSTOM = Plan(units, whole, SAMPLE)


def _mutants(net: str, drawn: range) -> Rows:
    from verify.measure.custom.judge import Bench

    bench = Bench(CATALOGUE[net])
    return [bench.judge(mutant) for mutant in bench.mutants() if mutant.draw % 20 in drawn]


def _right_ports(net: str) -> Rows:
    from verify.measure.custom.judge import Bench
    from verify.measure.custom.right_ports import right_ports

    return right_ports(Bench(CATALOGUE[net]))


def _sample(net: str) -> Rows:
    from verify.measure.custom.judge import Bench
    from verify.measure.custom.right_ports import right_ports

    bench = Bench(CATALOGUE[net])
    drawn = sorted(bench.mutants(), key=lambda mutant: mutant.draw)[:SAMPLED_MUTANTS]
    return [*(bench.judge(mutant) for mutant in drawn), *right_ports(bench, rebuilt=False)]
