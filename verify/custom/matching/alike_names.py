"""How much two names say that they mean the same: of a layer and of a module, of two tensors."""

import re

LETTERS = {"q": "query", "k": "key", "v": "value"}
WORD = re.compile(r"[1-3]d(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(name: str) -> frozenset[str]:
    """The words of a path such as `blocks.0.gate_proj` or `block_0/GateProj`, in lower case.

    Figures are none: one side counts from 0, another from 1, a third has several counters.
    """
    return frozenset(word.lower() for word in WORD.findall(name))


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


def denial(name: str, other: str) -> float:
    """How many words both surely have: a letter is short for those of an attention alone.

    Of names such as `c.e` any other letter says nothing against a match.
    """
    mine, its = words(name), words(other)
    short = [
        a for a in mine - its for b in its - mine if LETTERS.get(a) == b or LETTERS.get(b) == a
    ]
    return len({word for word in mine & its if len(word) > 1}) + len(short) / 2


def plain(name: str) -> str:
    """The last part of a path, without marks and in lower case."""
    base = name.replace("/", ".").rpartition(".")[2]
    return "".join(letter for letter in base.lower() if letter.isalnum())


def cross(pair: tuple[str, str], other: tuple[str, str]) -> bool:
    """Would the names of two pairs fit better, both of them, if their second names were exchanged?

    In words, or in last parts that are equal, with figures too.
    """
    (a, x), (b, y) = pair, other
    if plain(a) == plain(y) and plain(b) == plain(x):
        return plain(a) != plain(b)
    return denial(a, y) > denial(a, x) and denial(b, x) > denial(b, y)
