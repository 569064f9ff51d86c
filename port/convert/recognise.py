"""Which published net a source of weights belongs to, told by its variables."""

from port.convert.names import table
from port.convert.select import Selection, select
from port.convert.state_dict import CLASSIFIER_BIAS, class_count
from port.errors import InputError
from port.genotype import Genotype, list_models
from port.sources import Source


def recognise(source: Source, prefix: str | None = None) -> str:
    """The name of the one published net whose variables these are, by name and shape.

    Raises:
        InputError: none is; says which comes nearest and how near.
    """
    misfits = {name: count_misfits(source, Genotype.load(name), prefix) for name in list_models()}
    nearest = min(misfits, key=misfits.__getitem__)
    if misfits[nearest]:
        wanted = len(table(Genotype.load(nearest), 1))
        raise InputError(
            f"{source.path}: not one of the published nets (nearest: {nearest}, of whose {wanted} "
            f"variables {misfits[nearest]} do not fit); name the net or a genotype file with "
            "--model"
        )
    return nearest


def count_misfits(source: Source, genotype: Genotype, prefix: str | None = None) -> int:
    """How many variables are missing, misshapen, or in the source without belonging to the net."""
    try:
        stored = select_from(source, genotype, prefix=prefix).stored
    except InputError:  # several prefixes fit equally well, and so does none
        return len(table(genotype, 1))
    shapes = {name: source.info(key).shape for name, key in stored.items()}
    try:
        classes = class_count(shapes, CLASSIFIER_BIAS)
    except InputError:
        classes = 1
    wanted = {row.tf_name: row.tf_shape for row in table(genotype, classes)}
    return sum(shapes.get(name) != shape for name, shape in wanted.items()) + len(
        shapes.keys() - wanted.keys()
    )


def select_from(
    source: Source, genotype: Genotype, *, use_ema: bool = False, prefix: str | None = None
) -> Selection:
    """Sort a source's names; see `select` for arguments and errors."""
    # A frozen graph keeps every constant, not only what was a variable once.
    others = "constant of the graph" if source.kind.startswith("frozen graph") else None
    rows = table(genotype, 1)
    return select(source, rows, use_ema=use_ema, prefix=prefix, others=others)
