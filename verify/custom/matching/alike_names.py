"""How much two names say that they mean the same: of a layer and of a module, of two tensors."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

LETTERS = {"q": "query", "k": "key", "v": "value"}
NUMBERED = re.compile(r"[a-z]+|[0-9]+")
# A letter behind a figure counts on, as in `block1b`, but those of an attention.
WORD = re.compile(r"[1-3]d(?![a-z])|[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]{2,}|(?<![0-9])[a-z]|[kqv]")


@cache
def words(name: str) -> frozenset[str]:
    """The words of a path such as `blocks.0.gate_proj` or `block_0/GateProj`, in lower case.

    Figures are none: one side counts from 0, another from 1, a third has several counters.
    """
    return frozenset(word.lower() for word in WORD.findall(name))


@cache
def likeness(name: str, other: str) -> float:
    """How many words both have; `q` is taken for half of `query`."""
    mine, its = words(name), words(other)
    shared = mine & its
    short = [
        (a, b)
        for a in mine - shared
        for b in its - shared
        if 1 == min(len(a), len(b)) < max(len(a), len(b)) and a[0] == b[0]
    ]
    return len(shared) + len(short) / 2


@cache
def denial(name: str, other: str) -> float:
    """How many words both surely have: a letter is short for those of an attention alone.

    Of names such as `c.e` any other letter says nothing against a match.
    """
    mine, its = words(name), words(other)
    short = [
        a for a in mine - its for b in its - mine if LETTERS.get(a) == b or LETTERS.get(b) == a
    ]
    return len({word for word in mine & its if len(word) > 1}) + len(short) / 2


@cache
def numbered_likeness(name: str, other: str) -> int:
    """How many words and figures both have: of equals by words, a number tells one from another."""
    mine, its = (set(NUMBERED.findall(each.lower())) for each in (name, other))
    return len(mine & its)


@cache
def plain(name: str) -> str:
    """The last part of a path, without marks and in lower case."""
    base = name.replace("/", ".").rpartition(".")[2]
    return "".join(letter for letter in base.lower() if letter.isalnum())


@cache
def joined(name: str) -> str:
    """A whole path, without marks and in lower case."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def cross(pair: tuple[str, str], other: tuple[str, str]) -> bool:
    """Would the names of two pairs fit better, both of them, if their second names were exchanged?

    In words, or in last parts or whole names that are equal, with figures too.
    """
    (a, x), (b, y) = pair, other
    for base in (plain, joined):
        if base(a) == base(y) and base(b) == base(x):
            return base(a) != base(b)
    return denial(a, y) > denial(a, x) and denial(b, x) > denial(b, y)


def cycles_of_three(names: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Keys whose first name fits the second of the next best, and that of the last the first's.

    Best of the three: names that share a word by chance say nothing.
    """
    better = {
        key: [
            other
            for other, (_, its) in names.items()
            if other != key and denial(name, its) > denial(name, own)
        ]
        for key, (name, own) in names.items()
    }
    for a in names:
        for b in better[a]:
            for c in better[b]:
                # Each cycle once, from its least on.
                if a == min(a, b, c) and a in better[c] and _best((a, b, c), names):
                    yield a, b, c


def _best(cycle: tuple[str, str, str], names: Mapping[str, tuple[str, str]]) -> bool:
    """Does each name fit the next's better than the one after that, too?"""
    seconds = [names[key][1] for key in cycle]
    return all(
        denial(names[key][0], seconds[(place + 1) % 3])
        > denial(names[key][0], seconds[(place + 2) % 3])
        for place, key in enumerate(cycle)
    )
