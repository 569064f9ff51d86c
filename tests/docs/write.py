"""Writes the pages of the documentation that are made from the code.

python -m tests.docs.write
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from port.genotype import list_models
from tests.docs.api import write_api
from tests.docs.commands import write_commands
from tests.docs.nets import draw_net, write_nets
from tests.docs.recording import write_recording

DOCS = Path(__file__).parents[2] / "docs"
PAGES: Mapping[str, Callable[[], str]] = {
    "api.md": write_api,
    "commands.md": write_commands,
    "nets.md": write_nets,
    "recording.svg": write_recording,
    **{f"nets/{name}.svg": partial(draw_net, name) for name in list_models()},
}

if __name__ == "__main__":
    (DOCS / "nets").mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
