"""Runs the notebooks of examples/, in order and from top to bottom, without Jupyter.

python -m tests.docs.notebooks      # and keeps what they put out
"""

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = ("port_your_own.ipynb", "fine_tune.ipynb")


def run_notebook(path: Path) -> dict[str, Any]:
    """Execute the cells in the current folder; return the notebook with their outputs."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            cell["outputs"] = _run_cell("".join(cell["source"]), f"{path.name}[{count}]", names)
    return notebook


def _run_cell(source: str, name: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), names)
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)  # type: ignore[attr-defined]
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(text)})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = _lines(value._repr_html_())
        outputs.append({"data": data, "metadata": {}, "output_type": "display_data"})
    return outputs


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Run all of them in an empty folder, and write them with their outputs."""
    for name in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            notebook = run_notebook(EXAMPLES / name)
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        (EXAMPLES / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: run\n")


if __name__ == "__main__":
    main()
