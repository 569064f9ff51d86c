"""How much two names say that they mean the same: of a layer and of a module, of two tensors."""

import re
from collections.abc import Iterable

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(name: str) -> frozenset[str]:
    """The words of a path such as `blocks.0.gate_proj` or `block_0/GateProj`, in lower case."""
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


def most_alike(name: str, others: Iterable[str]) -> list[str]:
    """`others`, those most like `name` first; of equals the order stays."""
    return sorted(others, key=lambda other: -likeness(name, other))


def cross(pair: tuple[str, str], other: tuple[str, str]) -> bool:
    """Would two pairs of names be more alike, each of them, with their second names exchanged?"""
    (a, x), (b, y) = pair, other
    return likeness(a, y) > likeness(a, x) and likeness(b, x) > likeness(b, y)
