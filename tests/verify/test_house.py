"""Of Tiny Video Networks only `verify.tvn` knows, and it knows nothing of anybody else's ports.

What is read is the source, imports inside functions too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import verify

HOUSE = Path(verify.__file__).parent
# What only `verify.tvn` may name: modules, and classes of any module.
MODULES = ("port.model", "port.block", "reference_tf")
CLASSES = ("TinyVideoNet", "Block", "Genotype")
# The whole public API, that of Tiny Video Networks included.
FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")


def names(source: str) -> Iterator[str]:
    """Every module, class, attribute and string that code names; no docstring, no comment."""
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                yield str(node.module)
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
                yield from (alias.name for alias in node.names)
            case ast.Name():
                yield node.id
            case ast.Attribute():
                yield node.attr
            case ast.Constant(value=str(text)) if id(node) not in told:
                yield text


def is_or_is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def of_tiny_video_networks(source: str) -> set[str]:
    return {name for name in names(source) if name in CLASSES or is_or_is_in(name, MODULES)}


def in_room(room: str) -> list[Path]:
    return [path for path in FILES if path.relative_to(HOUSE).parts[0] == room]


def test_outside_their_room_no_file_names_tiny_video_networks() -> None:
    files = [path for path in FILES if path not in in_room("tvn")]
    found = {
        str(path): named for path in files if (named := of_tiny_video_networks(path.read_text()))
    }
    assert found == {}
    assert any(of_tiny_video_networks(path.read_text()) for path in in_room("tvn"))


@pytest.mark.parametrize(("room", "other"), [("tvn", "custom"), ("custom", "tvn")])
def test_two_kinds_of_ports_know_nothing_of_each_other(room: str, other: str) -> None:
    named = {name for path in in_room(room) for name in names(path.read_text())}
    assert not [name for name in named if is_or_is_in(name, (f"verify.{other}",))]
    assert [name for name in named if is_or_is_in(name, ("verify.specs",))]


@pytest.mark.parametrize(
    "source",
    [
        "from port.model import TinyVideoNet",
        "from port import TinyVideoNet as Net",
        "def f():\n    import port.block",
        "def f(net: 'Genotype'): ...",
        "import port\nport.model.TinyVideoNet",
        "import importlib\nimportlib.import_module('reference_tf')",
    ],
)
def test_however_it_is_named_it_is_found(source: str) -> None:
    assert of_tiny_video_networks(source)
    assert not of_tiny_video_networks('"""Such as a Genotype."""  # of port.model')
