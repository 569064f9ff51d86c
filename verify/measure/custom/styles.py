"""The same port in other styles: of modules alone, fused, under other names, in containers."""

import ast
import copy
import string
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from verify.custom.module.torch_module import is_torchs_own
from verify.measure.custom.net import Net, Parts
from verify.measure.custom.source import (
    computing,
    expression,
    function_of,
    method,
    own_attribute,
    run,
    statement,
    trees_of,
)

AS_WRITTEN = "as written"
Make = Callable[[], nn.Module]
# Functions with the modules that take the same arguments when they are made.
MODULES = {
    "F.relu": "nn.ReLU",
    "F.relu6": "nn.ReLU6",
    "F.elu": "nn.ELU",
    "F.selu": "nn.SELU",
    "F.silu": "nn.SiLU",
    "F.gelu": "nn.GELU",
    "F.mish": "nn.Mish",
    "F.softplus": "nn.Softplus",
    "F.softmax": "nn.Softmax",
    "F.hardswish": "nn.Hardswish",
    "F.hardsigmoid": "nn.Hardsigmoid",
    "F.leaky_relu": "nn.LeakyReLU",
    "F.max_pool1d": "nn.MaxPool1d",
    "F.max_pool2d": "nn.MaxPool2d",
    "F.max_pool3d": "nn.MaxPool3d",
    "F.avg_pool1d": "nn.AvgPool1d",
    "F.avg_pool2d": "nn.AvgPool2d",
    "F.adaptive_avg_pool2d": "nn.AdaptiveAvgPool2d",
    "F.interpolate": "nn.Upsample",
    "torch.relu": "nn.ReLU",
    "torch.tanh": "nn.Tanh",
    "torch.sigmoid": "nn.Sigmoid",
    "torch.softmax": "nn.Softmax",
}
ACTIVATIONS = {
    name
    for name in MODULES
    if "pool" not in name and "softmax" not in name and "interpolate" not in name
}


def styles(net: Net) -> dict[str, Make]:
    """The ways in which a port is written, as makers of fresh ones."""
    if net.make is not None:
        make = net.make
        return {AS_WRITTEN: make, "inside another": lambda: Outer(make())}
    found: dict[str, Make] = {AS_WRITTEN: net.port[-1]}
    found |= {name: parts[-1] for name, parts in net.others.items()}
    found |= {
        "of modules": _rewritten(net.port, _with_modules),
        "fused": _rewritten(net.port, _fused, {"fuse": fuse}),
        "renamed": _rewritten(net.port, _renamed),
    }
    found["in containers"] = lambda: in_containers(found["of modules"]())
    found["inside another"] = lambda: Outer(net.port[-1]())
    return found


def _rewritten(
    parts: Parts,
    change: Callable[[ast.ClassDef], None],
    given: Mapping[str, Any] | None = None,
) -> Make:
    trees = trees_of(parts)
    for tree in trees:
        change(tree)
    return run(trees, parts, given)


def _with_modules(tree: ast.ClassDef) -> None:
    """Every function that there is a module for becomes one, at each place its own."""
    made: list[str] = []

    class Replace(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            kind = MODULES.get(function_of(node) or "")
            rest = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
            if kind is None or any(isinstance(n, ast.Name) for a in rest for n in ast.walk(a)):
                return node
            name = f"{kind.removeprefix('nn.').lower()}_{len(made)}"
            made.append(f"self.{name} = {ast.unparse(_made(kind, node))}")
            call = ast.parse(f"self.{name}(x)", mode="eval").body
            assert isinstance(call, ast.Call)
            call.args = node.args[:1]
            return call

    for function in computing(tree):
        Replace().visit(function)
    method(tree, "__init__").body += [statement(line) for line in made]


def _made(kind: str, node: ast.Call) -> ast.Call:
    call = expression(f"{kind}()")
    assert isinstance(call, ast.Call)
    call.args, call.keywords = node.args[1:], node.keywords
    return call


def _fused(tree: ast.ClassDef) -> None:
    """An activation becomes a part of the module that it follows."""
    fused: list[str] = []

    class Replace(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            inner = node.args[0] if node.args else None
            if function_of(node) not in ACTIVATIONS or not isinstance(inner, ast.Call):
                return node
            name = own_attribute(inner.func)
            if name is None or uses.count(name) != 1:
                return node
            rest = copy.deepcopy(node)
            rest.args[0] = ast.Name("y")
            fused.append(f"fuse(self.{name}, lambda y: {ast.unparse(rest)})")
            return inner

    uses = [name for f in computing(tree) for n in ast.walk(f) if (name := own_attribute(n))]
    for function in computing(tree):
        Replace().visit(function)
    method(tree, "__init__").body += [statement(line) for line in fused]


def fuse(module: nn.Module, activation: Callable[[Tensor], Tensor]) -> None:
    """Let a module compute an activation as well, under a class of its own, as timm's do."""
    kind: Any = type(module)
    if kind is nn.Identity:
        return

    def forward(self: nn.Module, x: Tensor) -> Tensor:
        return activation(kind.forward(self, x))

    module.__class__ = type(f"{kind.__name__}Act", (kind,), {"forward": forward})


def _renamed(tree: ast.ClassDef) -> None:
    """Names that say nothing: a, b, c, in the order in which the parts are made."""
    made = [own_attribute(n) for n in ast.walk(method(tree, "__init__")) if _is_stored(n)]
    names = dict(zip(dict.fromkeys(n for n in made if n), string.ascii_letters, strict=False))
    for node in ast.walk(tree):
        if own_attribute(node) in names:
            assert isinstance(node, ast.Attribute)
            node.attr = names[node.attr]


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


class Container(nn.Module):
    """Holds one module and hands on to it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the inner one computes."""
        return self.inner(*args, **kwargs)


class Outer(nn.Module):
    """A whole net as a part of another, which does nothing else."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """What the net computes."""
        return self.backbone(x)


def in_containers(net: nn.Module) -> nn.Module:
    """Every module that holds none, in a container of its own; torch's own keep their parts."""
    for parent in list(net.modules()):
        if is_torchs_own(parent):
            continue
        for name, child in list(parent.named_children()):
            if not any(True for _ in child.children()) and child is not net:
                setattr(parent, name, Container(child))
    return net
