"""The text of a spec to start from."""

from collections.abc import Iterator, Sequence
from os import path
from pathlib import Path

from verify.custom.starting.outline import LayerRow, Outline, Skeleton, quoted

PARTS = {
    "pad_same": '''

class PadSame(nn.Module):
    """TensorFlow's SAME: what is odd of the padding goes to the bottom and the right."""

    def __init__(
        self, kernel: tuple[int, int], stride: tuple[int, int], value: float = 0.0
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.value = kernel, stride, value

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W]."""
        sides: list[int] = []
        for size, kernel, stride in zip(x.shape[2:], self.kernel, self.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides = [total // 2, total - total // 2, *sides]
        return F.pad(x, sides, value=self.value)
''',
    "todo": '''

def todo(what: str, *reads: Tensor) -> Tensor:
    """Stands where a layer is still to be written; what is in front of it is judged already."""
    shapes = ", ".join(str(tuple(read.shape)) for read in reads)
    raise NotImplementedError(f"{what}: to be written in Port; it reads {shapes}")
''',
}


def write_text(outline: Outline, model: Path, output: Path) -> str:
    """Python that `tvn verify --spec=` takes.

    Args:
        outline: what is known of the model.
        model: where it is.
        output: where the text is to stand; the model is looked for from there.
    """
    skeleton = outline.skeleton
    where = path.relpath(model.resolve(), output.resolve().parent)
    code = [
        *_docstring(outline, model, output),
        "",
        "from pathlib import Path",
        "",
        *(["import numpy as np"] if "np." in outline.inputs else []),
        "import torch",
        "from torch import Tensor, nn",
        "from torch.nn import functional as F",
        "",
        f"from verify import {', '.join(sorted({*outline.names, 'PortSpec', 'port_spec'}))}",
        "",
        f"MODEL = Path(__file__).parent / {quoted(where)}",
        *([outline.build] if outline.build else []),
        *(PARTS[part] for part in sorted(skeleton.parts)),
        *([] if outline.build or skeleton.parts else [""]),
        *_port(skeleton),
        "",
        "",
        *_spec(outline, model),
    ]
    return "\n".join("\n".join(code).rstrip().splitlines()) + "\n"


def _spec(outline: Outline, model: Path) -> Iterator[str]:
    yield "def spec() -> PortSpec:"
    yield '    """The original, the port, and what both are fed."""'
    yield "    torch.manual_seed(0)"
    yield f"    inputs = {outline.inputs}"
    yield "    return port_spec("
    yield f"        {quoted(model.stem)},"
    yield f"        {outline.original},"
    yield "        Port(),"
    yield "        inputs,"
    if outline.skeleton.without:
        yield "        # The weights of what is to be filled in; take each out when it is written."
        yield f"        without=[{', '.join(map(quoted, outline.skeleton.without))}],"
    yield "    )"


def _docstring(outline: Outline, model: Path, output: Path) -> Iterator[str]:
    quiet = model.name.replace("\\", "/").replace('"', "'")
    yield f'r"""A port of {quiet} ({outline.kind}), to start from: written by `tvn init`.'
    yield ""
    yield f"    tvn verify --spec={output.name}"
    yield ""
    if outline.skeleton.missing:
        yield "To be filled in:"
        yield from (f"  - {_plain(what)}" for what in outline.skeleton.missing)
        yield ""
    yield "seed=0 draws weights that show mistakes; leave it out to compare the model's own."
    yield ""
    yield "The original's layers:"
    yield ""
    yield from table(outline.layers)
    yield '"""'


def table(layers: Sequence[LayerRow]) -> Iterator[str]:
    """Name, kind, output's shape and weights, a line a layer."""
    rows = [(row.name, row.kind, row.shape, row.weights) for row in layers]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield _plain("  " + "  ".join([*cells, row[3]])).rstrip()


def _port(skeleton: Skeleton) -> Iterator[str]:
    arguments = ", ".join(f"{name}: Tensor" for name in skeleton.arguments)
    yield ""
    yield "class Port(nn.Module):"
    yield '    """The port; 4-D inputs come as [B, C, H, W]."""'
    yield ""
    yield "    def __init__(self) -> None:"
    yield "        super().__init__()"
    yield from (f"        {line}" for line in skeleton.modules)
    yield ""
    yield f"    def forward(self, {arguments}):"
    yield from (f"        {line}" for line in skeleton.forward)


def _plain(text: str) -> str:
    """Without what would end a docstring."""
    return text.replace('"""', "'''").replace("\n", " ")
