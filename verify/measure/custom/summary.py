"""What the measurement on anybody's ports says: rates, what they rest on, exceptions by name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from verify.measure.summary import Bar

SCHEMA = "tvn-measurement-of-any-ports/1"
# What has to be reached.
KILLED, RIGHT_PLACE, RIGHT_PORTS_RUN = 1.0, 0.95, 0.95
NAMED = {"module": 0.9, "weights": 0.9, "function": 0.75}
PLANTED = {"module": "modules", "weights": "weights", "function": "functional code"}
LISTED = 400
Row = dict[str, Any]


class CustomSummary:
    """What the rows of all units say together.

    Args:
        results: `verify.measure.plan.results`.
    """

    def __init__(self, results: Iterable[Row]) -> None:
        self.mutants: list[Row] = []
        self.right: list[Row] = []
        self.units, self.cpu_seconds = 0, 0.0
        for result in results:
            self.units += 1
            self.cpu_seconds += result["cpu_seconds"]
            for row in result["rows"]:
                (self.mutants if "mutant" in row else self.right).append(row)

    @property
    def bars(self) -> list[Bar]:
        """What must be reached."""
        judged = [row for row in self.shown if row["outcome"] in ("killed", "missed")]
        killed = [row for row in self.mutants if row.get("outcome") == "killed"]
        ran = [row for row in self.right if row["outcome"] in ("passed", "failed")]
        told = [row for row in killed if not row["stopped"]]  # the others' own error tells
        named = {how: [row for row in told if row["how"] == how] for how in NAMED}
        return [
            _bar("mutants failed", _of(judged, "killed"), judged, KILLED),
            _bar("first layer right", [r for r in killed if in_place(r)], killed, RIGHT_PLACE),
            _bar("right ports passed", _of(ran, "passed"), ran, 1.0),
            _bar("right ports run", ran, self.right, RIGHT_PORTS_RUN),
            *(
                _bar(f"mistake in {PLANTED[how]} named first", _named(rows), rows, NAMED[how])
                for how, rows in named.items()
            ),
        ]

    @property
    def shown(self) -> list[Row]:
        """Mutants that compute something else on the very input that is compared."""
        return [r for r in self.mutants if "outcome" in r and not r["hidden"]]

    @property
    def passed(self) -> bool:
        """Every bar is reached, and something was measured."""
        return any(bar.of for bar in self.bars) and all(bar.passed for bar in self.bars)

    def groups(self, key: str) -> list[Row]:
        """By how, family, style or net: how many mutants, and what became of them."""
        found: dict[str, list[Row]] = {}
        for row in self.mutants:
            found.setdefault(row[key], []).append(row)
        return [{key: name} | _counts(rows) for name, rows in sorted(found.items())]

    def forms(self) -> list[Row]:
        """By form: how many right ports, and what became of them."""
        found: dict[str, Counter[str]] = {}
        for row in self.right:
            found.setdefault(row["form"], Counter())[row["outcome"]] += 1
        return [{"form": name} | dict(counts) for name, counts in found.items()]

    def to_dict(self) -> Row:
        """All of it, for JSON; mutants only in numbers, and by name where they are exceptions."""
        rows = {
            "missed": [r for r in self.shown if r["outcome"] == "missed"],
            "renamed": [r for r in self.shown if r["outcome"] == "renamed"],
            "elsewhere": [r for r in self.mutants if r.get("first") and not in_place(r)],
            "crashed": [r for r in self.mutants if r.get("outcome") == "crashed"],
            "refused": [r for r in self.mutants if r.get("outcome") == "refused"],
            "matched elsewhere": [r for r in self.mutants if r.get("matched_elsewhere")],
        }
        keys = ("mutant", "first", "expected", "said", "matched_elsewhere")
        brief = {name: [_only(row, keys) for row in some][:LISTED] for name, some in rows.items()}
        wrong = [row for row in self.right if row["outcome"] != "passed"]
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "bars": [bar.to_dict() for bar in self.bars],
            "units": self.units,
            "cpu_seconds": round(self.cpu_seconds),
            "nets": len({row["net"] for row in (*self.mutants, *self.right)}),
            "mutants": _counts(self.mutants),
            "by how": self.groups("how"),
            "families": self.groups("family"),
            "styles": self.groups("style"),
            "by net": self.groups("net"),
            "forms": self.forms(),
            "right_ports": dict(Counter(row["outcome"] for row in self.right)),
            "exceptions": brief | {"right ports": [_only(r, RIGHT_KEYS) for r in wrong]},
            "exceptions_counted": {name: len(some) for name, some in rows.items()},
        }


RIGHT_KEYS = ("net", "form", "outcome", "first", "said")


def in_place(row: Row) -> bool:
    """The first layer that failed is the one that is wrong."""
    return row["first"] in row["expected"]


def _counts(rows: Sequence[Row]) -> Row:
    wrong = [row for row in rows if "outcome" in row]
    outcomes = Counter(row["outcome"] for row in wrong if not row["hidden"])
    hidden = Counter(row["outcome"] for row in wrong if row["hidden"])
    killed = [row for row in wrong if row["outcome"] == "killed"]
    return {
        "planted": len(rows),
        "equivalent": sum(row["equivalent"] for row in rows),
        "stillborn": sum(row["stillborn"] and not row["equivalent"] for row in rows),
        "killed": outcomes["killed"],
        "missed": outcomes["missed"],
        "renamed": outcomes["renamed"],
        "refused": outcomes["refused"],
        "crashed": outcomes["crashed"],
        "hidden": sum(hidden.values()),
        "hidden_killed": hidden["killed"],
        "first_layer_right": sum(map(in_place, killed)),
        "first_layer_of": len(killed),
        "stopped": sum(row["stopped"] for row in killed),
        "named_first": len(_named([row for row in killed if not row["stopped"]])),
        "matched_elsewhere": sum(bool(row.get("matched_elsewhere")) for row in wrong),
    }


def _named(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.get("named")]


def _of(rows: Sequence[Row], outcome: str) -> list[Row]:
    return [row for row in rows if row["outcome"] == outcome]


def _bar(what: str, some: Sequence[Row], of: Sequence[Row], least: float) -> Bar:
    return Bar(what, len(some) / len(of) if of else 0.0, least, len(of))


def _only(row: Row, keys: Sequence[str]) -> Row:
    return {key: row[key] for key in keys if row.get(key)}
