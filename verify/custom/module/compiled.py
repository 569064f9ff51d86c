"""Ports that are no Python any more: TorchScript, and programs of `torch.export`.

They run in float64 and get weights as any module does. Where their parts are called from Python
they are watched, too; inside of TorchScript nothing is.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram, UnflattenedModule, unflatten

from port.errors import InputError
from verify.custom.layouts.nested import in_one_line

# What a part of an exported program was before; TorchScript says it itself.
KIND = "exported_from"


def prepared(port: nn.Module | ExportedProgram) -> nn.Module:
    """A copy in evaluation mode, of an exported program with its modules.

    Raises:
        InputError: it is no module, or computes as in training, which cannot be changed any more.
    """
    if isinstance(port, ExportedProgram):
        port = unflatten(port)
    elif not isinstance(port, nn.Module):
        raise InputError(f"the port is a {type(port).__name__}: give a torch.nn.Module")
    if not _is_exported(port):
        return duplicate(port).eval()
    _refuse_training(port)
    if isinstance(port, fx.GraphModule):  # of the other there is no copy as it is
        port = copy.deepcopy(port)
    return copy.deepcopy(_without_shadows(port))


def duplicate(module: nn.Module) -> nn.Module:
    """A copy whose parameters can be trained; those of a copy of TorchScript's cannot."""
    try:
        with torch.no_grad():
            copied = copy.deepcopy(module)
    except Exception as error:  # of the user's own code
        raise InputError(f"the port cannot be copied: {in_one_line(error)}") from error
    for parameter, other in zip(copied.parameters(), module.parameters(), strict=True):
        parameter.requires_grad_(other.requires_grad)
    return copied


def has_training_mode(port: nn.Module | ExportedProgram) -> bool:
    """Does it compute otherwise in training? What was traced or exported does as it did then."""
    if isinstance(port, ExportedProgram) or _is_exported(port):
        return False
    traced: Any = torch.jit.TracedModule  # type: ignore[attr-defined]
    return not any(isinstance(part, traced) for part in port.modules())


def is_compiled(module: nn.Module) -> bool:
    """Is what it computes fixed, the precision of constants and casts with it?"""
    return _is_exported(module) or any(
        isinstance(m, torch.jit.ScriptModule) for m in module.modules()
    )


def kind_of(module: nn.Module) -> type[nn.Module]:
    """The class of a module, or of what it was compiled from, if that is one of torch's."""
    is_script = isinstance(module, torch.jit.ScriptModule)
    name = getattr(module, "original_name" if is_script else KIND, None)
    if not isinstance(name, str):
        return type(module)
    kind = getattr(nn, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, nn.Module) else type(module)


def refuse_fixed_precision(
    module: nn.Module, run: Callable[[nn.Module], Mapping[str, Tensor]]
) -> None:
    """See that it computes in float64.

    Args:
        module: in float64.
        run: runs it.

    Raises:
        InputError: casts to float32, or numbers that are rounded to it, are a part of it.
    """
    for part in module.modules():
        if isinstance(part, torch.jit.ScriptModule) and hasattr(part, "forward"):
            graph: Any = part.inlined_graph
            for node in graph.findAllNodes("aten::to"):
                if SINGLE in (_constant(value) for value in node.inputs()):
                    raise _fixed("it casts to float32")
            for node in graph.findAllNodes("prim::Constant"):
                if isinstance(value := node.output().toIValue(), Tensor) and _is_rounded(value):
                    raise _fixed("it holds constants that are rounded to float32")
    try:
        with torch.no_grad():
            returned = run(module)
    except RuntimeError as error:
        if "dtype" in str(error) or "Double" in str(error):
            raise _fixed("some of it is in float32") from error
        return
    except AssertionError as error:
        raise InputError(
            f"the port was exported for other inputs: {error}; export it with inputs of these "
            "shapes, or with dynamic_shapes"
        ) from error
    if any(tensor.dtype in (torch.float32, torch.float16) for tensor in returned.values()):
        raise _fixed("it returns float32 whatever it is fed")


# How TorchScript writes float32.
SINGLE = 6


def _constant(value: Any) -> Any:
    return value.toIValue() if value.node().kind() == "prim::Constant" else None


def _is_rounded(tensor: Tensor) -> bool:
    """Has it numbers of which float32 has not all digits? Small fractions of two are whole."""
    if tensor.dtype != torch.float32:
        return False
    return bool((tensor * 1024 != (tensor * 1024).round()).any())


def _fixed(what: str) -> InputError:
    return InputError(
        f"the compiled port cannot be run in float64, since {what}: give the module that it was "
        "made of, or compile it from one that keeps to its weights' dtype, x.to(weight.dtype)"
    )


def was_recurrent(module: nn.Module) -> bool:
    """Is it a recurrent layer that was compiled? Its states do not go with its sequence then."""
    return issubclass(kind_of(module), nn.RNNBase) and not isinstance(module, nn.RNNBase)


def _is_exported(module: nn.Module) -> bool:
    graph = isinstance(module, fx.GraphModule) and type(module).__mro__[1] is not fx.GraphModule
    return graph or isinstance(module, UnflattenedModule)


def _without_shadows(port: nn.Module) -> nn.Module:
    """Without the tensors that it was exported with, of which there can be no copy.

    Checks of shapes stay, checks of a dtype go.
    """
    for module in port.modules():
        graph = getattr(module, "graph", None)
        if isinstance(graph, fx.Graph):
            for node in list(graph.nodes):
                _remember_kind(port, node)
                node.meta = {}
                if node.op == "call_function" and "_assert_tensor_metadata" in str(node.target):
                    graph.erase_node(node)
            if isinstance(module, fx.GraphModule):
                module.recompile()
    return port


def _remember_kind(port: nn.Module, node: fx.Node) -> None:
    for path, kind in (node.meta.get("nn_module_stack") or {}).values():
        name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        modules = dict(port.named_modules())
        if name.startswith("torch.nn.modules.") and path in modules:
            setattr(modules[path], KIND, name.rpartition(".")[2])


def _refuse_training(module: nn.Module) -> None:
    for part in module.modules():
        graph = getattr(part, "graph", None)
        for node in graph.nodes if isinstance(graph, fx.Graph) else ():
            if node.op == "call_function" and _trains(node):
                raise InputError(
                    f"the port was exported in training mode ({node.name}): call eval() on the "
                    "module, then export it"
                )


def _trains(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema else []
    given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    return given.get("train") is True or given.get("training") is True
