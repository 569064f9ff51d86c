"""Mistakes in functional code: one expression of a port's source written otherwise."""

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from torch import nn

from verify.measure.custom.net import Parts
from verify.measure.custom.source import (
    computing,
    expression,
    function_of,
    own_attribute,
    run,
    trees_of,
)
from verify.measure.custom.styles import ACTIVATIONS

OTHER_ACTIVATIONS = (
    "F.relu",
    "F.relu6",
    "F.gelu",
    "F.silu",
    "F.elu",
    "F.hardswish",
    "torch.tanh",
    "torch.sigmoid",
)
REDUCTIONS = {"mean": ("amax", "sum"), "amax": ("mean", "amin")}
POOLS = {"F.max_pool": "F.avg_pool", "F.avg_pool": "F.max_pool"}
MODES = {"nearest": "bilinear", "bilinear": "nearest"}
OPERATORS = ("added", "times", "residual", "product", "sum", "scale")
# What is written instead, its family, what is done, and words by which a diagnosis names it.
Other = tuple[ast.AST, str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One expression written otherwise: in which class and method, which node, and how."""

    name: str
    family: str
    words: tuple[str, ...]
    place: tuple[int, int, int]
    instead: ast.AST

    def make(self, parts: Parts) -> type[nn.Module]:
        """The net with this mistake."""
        trees = trees_of(parts)
        part, function, index = self.place
        body = computing(trees[part])[function]
        target = list(ast.walk(body))[index]
        instead = copy.deepcopy(self.instead)
        if isinstance(target, ast.FunctionDef):
            position = trees[part].body.index(target)
            assert isinstance(instead, ast.FunctionDef)
            trees[part].body[position] = instead
        else:
            _Exchange(target, instead).visit(body)
        return run(trees, parts)


class _Exchange(ast.NodeTransformer):
    def __init__(self, target: ast.AST, instead: ast.AST) -> None:
        self._target, self._instead = target, instead

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._target:
            return self._instead
        return self.generic_visit(node)


def rewrites(parts: Parts) -> Iterator[Rewrite]:
    """Every mistake, in the order of the source."""
    for part, tree in enumerate(trees_of(parts)):
        for function, body in enumerate(computing(tree)):
            for index, node in enumerate(ast.walk(body)):
                for number, (instead, family, done, words) in enumerate(_others(node)):
                    at = f"{tree.name}.{body.name} {index}.{number}"
                    name = f"{at}: {done}: {_short(node)} → {_short(instead)}"
                    yield Rewrite(name, family, words, (part, function, index), instead)


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef):
        return node.name
    return " ".join(ast.unparse(node).split())[:60]


def _others(node: ast.AST) -> Iterator[Other]:
    match node:
        case ast.FunctionDef():
            yield from _exchanged(node)
        case ast.Call():
            yield from _calls(node)
        case ast.BinOp():
            yield from _operators(node)
        case ast.Constant():
            yield from _constants(node)


def _calls(node: ast.Call) -> Iterator[Other]:
    name, method = function_of(node) or "", _method(node)
    if name in ACTIVATIONS:
        yield from _activations(node, name)
    elif name == "F.softmax" or name == "torch.softmax":
        yield node.args[0], "activations", "softmax dropped", ("softmax",)
    elif name == "torch.cat":
        yield from _concatenations(node)
    elif name == "F.pad":
        yield node.args[0], "padding", "padding dropped", ("padding",)
        pads = node.args[1]
        if isinstance(pads, ast.Tuple) and ast.unparse(pads.elts[0]) != ast.unparse(pads.elts[-1]):
            other = copy.deepcopy(node)
            other.args[1] = ast.Tuple(list(reversed(pads.elts)), ast.Load())
            yield other, "padding", "sides swapped", ("padding",)
    for prefix, instead in POOLS.items():
        if name.startswith(prefix) and not node.keywords:
            other = copy.deepcopy(node)
            assert isinstance(other.func, ast.Attribute)
            other.func.attr = instead.removeprefix("F.") + name.removeprefix(prefix)
            yield other, "pools", "the other pool", ("maximum", "average")
    if method in REDUCTIONS:
        for instead in REDUCTIONS[method]:
            other = copy.deepcopy(node)
            assert isinstance(other.func, ast.Attribute)
            other.func.attr = instead
            yield other, "pools", "the other reduction", ("maximum", "average", "mean", "max")
    if method in ("transpose", "flip", "permute", "view", "reshape") and _is_of_torch(node):
        assert isinstance(node.func, ast.Attribute)
        yield node.func.value, "axes", f"{method} dropped", ("order", "axes", "transpos", "swapped")
        for index in range(len(node.args) - 1):
            other = copy.deepcopy(node)
            args = other.args
            args[index], args[index + 1] = args[index + 1], args[index]
            if method in ("permute", "view", "reshape"):
                yield other, "axes", "axes swapped", ("order", "axes", "transpos", "swapped")
    if (module := own_attribute(node.func)) and len(node.args) == 1 and not node.keywords:
        yield from _modules(node, module)


def _method(node: ast.Call) -> str:
    """`mean` of `x.mean(…)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _is_of_torch(node: ast.Call) -> bool:
    return not (function_of(node) or "").startswith(("F.", "torch."))


def _activations(node: ast.Call, name: str) -> Iterator[Other]:
    words = ("does not compute", "missing", "through", "activation", name.rpartition(".")[2])
    yield node.args[0], "activations", "activation dropped", words
    for instead in OTHER_ACTIVATIONS:
        if instead != name:
            call = expression(f"{instead}()")
            assert isinstance(call, ast.Call)
            call.args = node.args[:1]
            yield call, "activations", "another activation", words


def _concatenations(node: ast.Call) -> Iterator[Other]:
    listed, words = node.args[0], ("order", "concat", "swapped")
    if not isinstance(listed, ast.List):
        return
    for one, two in combinations(range(len(listed.elts)), 2):
        other = copy.deepcopy(node)
        assert isinstance(other.args[0], ast.List)
        elements = other.args[0].elts
        elements[one], elements[two] = elements[two], elements[one]
        yield other, "branches", "operands swapped", words
        other = copy.deepcopy(node)
        assert isinstance(other.args[0], ast.List)
        other.args[0].elts[two] = copy.deepcopy(listed.elts[one])
        yield other, "branches", "an operand twice", words


def _modules(node: ast.Call, module: str) -> Iterator[Other]:
    inside = node.args[0]
    yield inside, "modules", "module left out", ("missing", "not applied", module)
    other = copy.deepcopy(node)
    other.args[0] = copy.deepcopy(node)
    yield other, "modules", "module twice", ("twice", module)
    if isinstance(inside, ast.Call) and own_attribute(inside.func) and len(inside.args) == 1:
        other = copy.deepcopy(node)
        inner = other.args[0]
        assert isinstance(inner, ast.Call)
        other.func, inner.func = inner.func, other.func
        yield other, "modules", "order of two modules", ("order", "swapped", "before")


def _operators(node: ast.BinOp) -> Iterator[Other]:
    left, right, words = node.left, node.right, OPERATORS
    other: dict[type[ast.operator], Sequence[type[ast.operator]]] = {
        ast.Add: (ast.Sub, ast.Mult),
        ast.Sub: (ast.Add,),
        ast.Mult: (ast.Add,),
        ast.Div: (ast.Mult,),
    }
    for operator in other.get(type(node.op), ()):
        yield ast.BinOp(left, operator(), right), "operators", "another operator", words
    if isinstance(node.op, ast.Add | ast.Mult | ast.Sub | ast.Div):
        yield left, "operators", "right operand dropped", words
    if isinstance(node.op, ast.Add | ast.Mult):
        yield right, "operators", "left operand dropped", words
    if isinstance(node.op, ast.Sub | ast.MatMult):
        yield ast.BinOp(right, node.op, left), "operators", "operands swapped", words


def _constants(node: ast.Constant) -> Iterator[Other]:
    words = ("padding", "axis", "axes", "constant", "scale", "slope", "stride", "value", "times")
    match node.value:
        case bool():
            yield ast.Constant(not node.value), "constants", "the other way", ("count", *words)
        case int():
            yield ast.Constant(node.value + 1), "constants", "one more", words
            if node.value > 0:
                yield ast.Constant(node.value - 1), "constants", "one less", words
        case float():
            yield ast.Constant(1.1 * node.value), "constants", "a tenth more", words
            yield ast.Constant(0.5 * node.value), "constants", "half of it", words
        case str() if node.value in MODES:
            yield ast.Constant(MODES[node.value]), "sizes", "resized another way", ("resize",)


def _exchanged(body: ast.FunctionDef) -> Iterator[Other]:
    """Two modules in each other's place, of those called near to each other."""
    called = [
        name
        for n in ast.walk(body)
        if isinstance(n, ast.Call) and (name := own_attribute(n.func)) is not None
    ]
    names = list(dict.fromkeys(called))
    for distance in (1, 2):
        for one, two in zip(names, names[distance:], strict=False):
            other = copy.deepcopy(body)
            swap = {one: two, two: one}
            for node in ast.walk(other):
                if own_attribute(node) in swap:
                    assert isinstance(node, ast.Attribute)
                    node.attr = swap[node.attr]
            yield other, "modules", f"{one} and {two} exchanged", ("exchanged", "swapped", "order")
