"""The block of a Tiny Video Network that a layer belongs to."""

from port.block import Block
from verify.diagnosis.fault import Site


def block_of(site: Site) -> Block | None:
    """The block around a layer, if there is one."""
    blocks = (module for module in site.net.modules() if isinstance(module, Block))
    inside = (block for block in blocks if f"{site.tap}/".startswith(f"{block.name}/"))
    return next(inside, None)
