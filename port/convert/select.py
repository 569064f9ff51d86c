"""What else a checkpoint holds besides the model, told apart by rule.

Source of the slots' names: `tf.compat.v1.train` optimizers (`get_name()` of each).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from port.convert.names import Row
from port.errors import InputError

AVERAGE = "ExponentialMovingAverage"
SLOTS = frozenset(
    name + suffix
    for name in ("Momentum", "RMSProp", "Adam", "Adagrad", "AdagradDA", "Adadelta", "Ftrl")
    for suffix in ("", "_1", "_2")
)
# Counters and the like, which stand beside the model, with or without its prefix.
BOOKKEEPING = {
    "global_step": "step counter",
    "beta1_power": "optimizer state",
    "beta2_power": "optimizer state",
    "save_counter": "save counter",
    "_CHECKPOINTABLE_OBJECT_GRAPH": "object graph",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stored tensor is which variable, and what was left aside.

    `stored` maps each variable of the model to the stored name it is read from; `set_aside` maps
    stored names to why they are no part of the model.
    """

    stored: dict[str, str]
    set_aside: dict[str, str]
    prefix: str


def select(
    found: Iterable[str],
    rows: Sequence[Row],
    *,
    use_ema: bool = False,
    prefix: str | None = None,
    others: str | None = None,
) -> Selection:
    """Sort the names in a checkpoint into the model's variables and the rest.

    Names that no rule explains end up in `stored` under their own name, so that the strict check
    of the transfer lists them, unless `others` explains them all; nothing is dropped here.

    Args:
        found: the stored names.
        rows: the model's table.
        use_ema: read moving averages of the weights in place of the weights.
        prefix: what stands in front of every name; found by itself where all names share one.
        others: why names that no rule explains are set aside, where the source is one that holds
            such names by nature.

    Raises:
        InputError: several prefixes would do, or `use_ema` and there are no averages.
    """
    found = set(found)
    if prefix is None:
        prefix = _common_prefix(found, rows)
    stored: dict[str, str] = {}
    set_aside: dict[str, str] = {}
    wanted = {row.tf_name for row in rows}
    for name in sorted(found):
        variable = name.removeprefix(prefix) if name.startswith(prefix) else name
        owner, _, slot = variable.rpartition("/")
        if name.startswith(prefix) and variable in wanted:
            stored[variable] = name
        elif owner in wanted and slot == AVERAGE:
            set_aside[name] = "moving average"
        elif owner in wanted and slot in SLOTS:
            set_aside[name] = "optimizer slot"
        elif variable.rpartition("/")[2] in BOOKKEEPING:
            set_aside[name] = BOOKKEEPING[variable.rpartition("/")[2]]
        elif others is not None:
            set_aside[name] = others
        else:
            stored[name] = name
    if use_ema:
        _take_averages(stored, set_aside, rows, prefix)
    return Selection(stored, set_aside, prefix)


def _common_prefix(found: set[str], rows: Sequence[Row]) -> str:
    """What stands in front of the model's names: of all that would do, the one explaining most."""
    last = rows[-1].tf_name
    candidates = {
        name.removesuffix(last) for name in found if name == last or name.endswith(f"/{last}")
    }
    matches = {
        prefix: sum(prefix + row.tf_name in found for row in rows) for prefix in candidates or {""}
    }
    best = [prefix for prefix, count in matches.items() if count == max(matches.values())]
    if len(best) > 1:
        listed = " ".join(repr(prefix) for prefix in sorted(best))
        raise InputError(f"several copies of the model, under {listed}; choose one with --prefix")
    return best[0]


def _take_averages(
    stored: dict[str, str], set_aside: dict[str, str], rows: Sequence[Row], prefix: str
) -> None:
    """Read the averages in place of the weights; batch-norm statistics may have none."""
    without = []
    for row in rows:
        average = f"{prefix}{row.tf_name}/{AVERAGE}"
        if average in set_aside:
            del set_aside[average]
            set_aside[stored.get(row.tf_name, row.tf_name)] = "replaced by its moving average"
            stored[row.tf_name] = average
        elif row.trainable:
            without.append(row.tf_name)
    if without:
        raise InputError(
            f"no moving average of {len(without)} variables ({without[0]}, …); "
            "convert without --use_ema"
        )
