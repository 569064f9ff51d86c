"""A port written otherwise: its classes are read as source, changed, and run again."""

import ast
import inspect
import itertools
import linecache
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from verify.measure.custom.net import Parts

# A change of one class, in place or in its stead.
Change = Callable[[ast.ClassDef], ast.ClassDef]
_numbers = itertools.count()


def tree_of(part: type[nn.Module]) -> ast.ClassDef:
    """The source of a class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
    assert isinstance(tree, ast.ClassDef)
    return tree


def trees_of(parts: Parts) -> list[ast.ClassDef]:
    """The source of each class."""
    return [tree_of(part) for part in parts]


def run(
    trees: list[ast.ClassDef], parts: Parts, given: Mapping[str, Any] | None = None
) -> type[nn.Module]:
    """The net's class, of sources that stand in for those of `parts`.

    They see what the module sees in which the net is written, besides what is `given`. Their lines
    can be looked up, as those of any file.
    """
    source = "\n\n\n".join(ast.unparse(tree) for tree in trees)
    name = f"<port {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {**vars(sys.modules[parts[-1].__module__]), **(given or {})}
    exec(compile(source, name, "exec"), space)
    net: type[nn.Module] = space[trees[-1].name]
    return net


def method(tree: ast.ClassDef, name: str) -> ast.FunctionDef:
    """A method of a class."""
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


def computing(tree: ast.ClassDef) -> list[ast.FunctionDef]:
    """The methods that compute: all but the one that makes the parts."""
    methods = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [node for node in methods if node.name != "__init__"]


def own_attribute(node: ast.AST) -> str | None:
    """`name` of an expression `self.name`."""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
    return None


def function_of(node: ast.AST) -> str | None:
    """`F.relu` of a call `F.relu(…)`, `torch.cat` of `torch.cat(…)`; None of what is no such."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
            return f"{owner}.{name}"
    return None


def expression(text: str) -> ast.expr:
    """Source of an expression."""
    return ast.parse(text, mode="eval").body


def statement(text: str) -> ast.stmt:
    """Source of a statement."""
    return ast.parse(text).body[0]
