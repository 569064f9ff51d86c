"""docs/api.md: everything that `port` and `verify` offer, from signatures and docstrings.

The source is read, not imported.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[2]
HEAD = """# API

All names that `port` and `verify` offer; whatever lies deeper may change. This page is written from
the docstrings by `python -m tests.docs.write`.
"""


def write_api() -> str:
    """The page."""
    found = [HEAD]
    for package in ("port", "verify"):
        found += [f"## {package}", ""]
        homes = _homes(package)
        homes.pop("__version__", None)  # says itself
        for name in sorted(homes, key=lambda name: (name.lower(), name)):
            found += [*_entry(package, name, _load(homes[name])[name]), ""]
    return "\n".join(found).rstrip() + "\n"


def _homes(package: str) -> dict[str, str]:
    """By public name, the module that has it: what the package's lazy `_MODULES` says."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    (table,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_MODULES"
    )
    homes = {}
    for key, value in table.items():
        names, module = ((key,), value) if isinstance(value, str) else (value, key)
        homes |= dict.fromkeys(names, f"{package}.{module}")
    return homes


def _load(module: str) -> griffe.Module:
    found = griffe.load(module, search_paths=[str(ROOT)], docstring_parser="google")
    assert isinstance(found, griffe.Module)
    return found


def _entry(package: str, name: str, item: griffe.Object | griffe.Alias) -> Iterator[str]:
    yield f"### {package}.{name}"
    yield ""
    if item.is_function or (item.is_class and list(item.parameters)[1:]):
        yield from ("```python", _signature(name, item), "```", "")
    yield from _sections(item.docstring)
    if item.is_class:
        for member in item.members.values():
            if member.is_public and not member.is_special and member.is_function:
                yield from _method(member)


def _method(member: griffe.Object) -> Iterator[str]:
    call = member.name if "property" in member.labels else _signature(member.name, member)
    about = " ".join(_text(member.docstring).split())
    yield f"- `{' '.join(call.split())}`: {about}" if about else f"- `{' '.join(call.split())}`"


def _signature(name: str, item: griffe.Object | griffe.Alias) -> str:
    parameters = [p for p in item.parameters if p.name not in ("self", "cls")]
    shown, starred = [], False
    for parameter in parameters:
        if parameter.kind is griffe.ParameterKind.keyword_only and not starred:
            shown.append("*")
        starred |= "keyword" in str(parameter.kind.value) and "only" in str(parameter.kind.value)
        starred |= parameter.kind is griffe.ParameterKind.var_positional
        shown.append(_parameter(parameter))
    returns = getattr(item, "returns", None)
    end = f" -> {returns}" if returns is not None else ""
    line = f"{name}({', '.join(shown)}){end}"
    if len(line) <= 88:
        return line
    return "\n".join([f"{name}(", *(f"    {each}," for each in shown), f"){end}"])


def _parameter(parameter: griffe.Parameter) -> str:
    stars = {"variadic positional": "*", "variadic keyword": "**"}
    text = f"{stars.get(str(parameter.kind.value), '')}{parameter.name}"
    if parameter.annotation is not None:
        text += f": {parameter.annotation}"
    if parameter.default is not None and not stars.get(str(parameter.kind.value)):
        text += f" = {parameter.default}" if parameter.annotation else f"={parameter.default}"
    return text


def _sections(docstring: griffe.Docstring | None) -> Iterator[str]:
    for section in docstring.parsed if docstring else ():
        if section.kind is griffe.DocstringSectionKind.text:
            yield from (section.value, "")
        elif section.kind in (
            griffe.DocstringSectionKind.parameters,
            griffe.DocstringSectionKind.attributes,
        ):
            yield from (f"- `{each.name}`: {_line(each.description)}" for each in section.value)
            yield ""
        elif section.kind is griffe.DocstringSectionKind.raises:
            yield from (
                f"- raises `{each.annotation}`: {_line(each.description)}" for each in section.value
            )
            yield ""
    if docstring and "Returns:\n" in docstring.value:  # griffe takes what has a colon for a type
        returns = docstring.value.partition("Returns:\n")[2].partition("\n\n")[0]
        yield from (f"- returns: {_line(returns)}", "")


def _text(docstring: griffe.Docstring | None) -> str:
    sections = docstring.parsed if docstring else ()
    return "\n\n".join(
        each.value for each in sections if each.kind is griffe.DocstringSectionKind.text
    )


def _line(text: str) -> str:
    return " ".join(text.split())
