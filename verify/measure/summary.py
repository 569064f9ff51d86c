"""The measurement's outcome: rates, what they rest on, and every exception by name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from verify.measure.criteria import CRITERIA
from verify.reports.outcome import Reason
from verify.tvn.probe_sets import ALL_SETS, DEFAULT_SETS

SCHEMA = "tvn-measurement/1"
# What has to be reached for the verifier to pass its own test.
KILL_RATE, RIGHT_PLACE = 1.0, 0.99
NAMED_SINGLE, NAMED_PAIRS = 0.9, 0.75
# Exceptions that are listed; there should be few.
LISTED = 200
Row = dict[str, Any]
FURTHER = {probes.name for probes in ALL_SETS} - {probes.name for probes in DEFAULT_SETS}


@dataclass(frozen=True, slots=True)
class Bar:
    """One rate that was measured and must be reached; `of` is how many it is a share of."""

    what: str
    value: float
    least: float
    of: int

    @property
    def passed(self) -> bool:
        """It is reached, or nothing was measured that it is of."""
        return self.of == 0 or self.value >= self.least

    def to_dict(self) -> Row:
        """For JSON."""
        return {"what": self.what, "value": self.value, "least": self.least, "of": self.of,
                "passed": self.passed}  # fmt: skip


class Summary:
    """What the rows of all units say together.

    Args:
        results: `verify.measure.plan.results`.
    """

    def __init__(self, results: Iterable[Row]) -> None:
        rows: dict[str, list[Row]] = {}
        self.units, self.cpu_seconds = 0, 0.0
        for result in results:
            kind = _kind(result["unit"])
            rows.setdefault(kind, []).extend(result["rows"])
            self.units += 1
            self.cpu_seconds += result["cpu_seconds"]
        self.mutants = rows.get("mutants", []) + rows.get("training", [])
        self.variants = [row for kind in ("variants", "oneDNN", "compiled")
                         for row in rows.get(kind, [])]  # fmt: skip
        self.single, self.pairs = rows.get("diagnosis", []), rows.get("pairs", [])
        self.steps = rows.get("steps", [])
        self.full_size = rows.get("full size", [])

    @property
    def wrong(self) -> list[Row]:
        """The mutants that are not proved to be the right port."""
        return [row for row in self.mutants if not row["equivalent"]]

    @property
    def bars(self) -> list[Bar]:
        """What must be reached."""
        wrong = self.wrong
        seen = [row for row in wrong if row["first"]]
        judged = [row for row in self.variants if "refused" not in row]
        right = sum(row["passed"] for row in judged)
        return [
            _share("mutants seen", len(seen), len(wrong), KILL_RATE),
            _share("first layer right", sum(map(in_place, seen)), len(seen), RIGHT_PLACE),
            _share("right ports passed", right, len(judged), 1.0),
            _share("mistake named first", _count(self.single, "named"), len(self.single),
                   NAMED_SINGLE),
            _share("mistake in training named first", _count(self.steps, "named"),
                   len(self.steps), NAMED_SINGLE),
            _share("both mistakes named first", _count(self.pairs, "named"), len(self.pairs),
                   NAMED_PAIRS),
            _share("same verdict at full size", _count(self.full_size, "same"),
                   len(self.full_size), 1.0),
        ]  # fmt: skip

    @property
    def passed(self) -> bool:
        """Every bar is reached, and something was measured."""
        return any(bar.of for bar in self.bars) and all(bar.passed for bar in self.bars)

    def families(self, key: str = "family") -> list[Row]:
        """By family, fault or case: how many mutants, and what became of them."""
        groups: dict[str, list[Row]] = {}
        for row in self.mutants:
            groups.setdefault(row[key], []).append(row)
        return [{key: name} | _counts(rows) for name, rows in groups.items()]

    def others(self) -> list[Row]:
        """The same mutants and right ports by other tools' criteria, beside this verifier."""
        asked = [row for row in self.wrong if row["accepted"]]
        right = [row for row in self.variants if row.get("accepted")]
        rows = [{
            "criterion": "this verifier",
            "missed": sum(not row["first"] for row in asked), "mutants": len(asked),
            "false_alarms": sum(not row["passed"] for row in right), "right_ports": len(right),
        }]  # fmt: skip
        for name in CRITERIA:
            rows.append({
                "criterion": name,
                "missed": sum(row["accepted"][name] for row in asked), "mutants": len(asked),
                "false_alarms": sum(not row["accepted"][name] for row in right),
                "right_ports": len(right),
            })  # fmt: skip
        return rows

    def to_dict(self) -> Row:
        """All of it, for JSON; mutants only in numbers, and by name where they are exceptions."""
        wrong = self.wrong
        further = [row for row in wrong if row["clips"] in FURTHER]
        by_weights = [row for row in wrong if row["why"] == Reason.OTHER_WEIGHTS]
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "bars": [bar.to_dict() for bar in self.bars],
            "units": self.units,
            "cpu_seconds": round(self.cpu_seconds),
            "mutants": _counts(self.mutants),
            "seen_by": dict(Counter(row["clips"] for row in wrong).most_common()),
            "seen_why": dict(Counter(row["why"] or "not seen" for row in wrong).most_common()),
            "families": self.families(),
            "cases": self.families("case"),
            "faults": self.families("fault"),
            "criteria": self.others(),
            "variants": dict(Counter(row["variant"] for row in self.variants)),
            "right_ports": len([row for row in self.variants if "refused" not in row]),
            "largest_needed_factor": max(
                (row.get("needed_factor") or 0 for row in self.variants), default=None
            ),
            "diagnosis": {
                "single": _named(self.single),
                "single, in training": _named(self.steps),
                "pairs in two layers": _named([r for r in self.pairs if not r["same_layer"]]),
                "pairs in one layer": _named([r for r in self.pairs if r["same_layer"]]),
            },
            "exceptions": {
                "missed": [_brief(row) for row in wrong if not row["first"]][:LISTED],
                "elsewhere": [_brief(r) for r in wrong if r["first"] and not in_place(r)][:LISTED],
                "false alarms": [row for row in self.variants if not row["passed"]][:LISTED],
                "by further clips only": [_brief(row) for row in further][:LISTED],
                "by weights alone": [_brief(row) for row in by_weights][:LISTED],
                "named otherwise": _otherwise(self.single),
                "in training named otherwise": _otherwise(self.steps),
                "pairs named otherwise": _otherwise(self.pairs),
                "other at full size": [row for row in self.full_size if not row["same"]],
            },
        }


def in_place(row: Row) -> bool:
    """The first layer that failed is the planted one, or the first that computes anything else."""
    return row["first"] in (row["tap"], row.get("sees") or row["tap"])


def _kind(unit: str) -> str:
    return "full size" if unit.startswith("full size") else unit.partition(" ")[0]


def _share(what: str, count: int, of: int, least: float) -> Bar:
    return Bar(what, count / of if of else 0.0, least, of)


def _count(rows: Sequence[Row], key: str) -> int:
    return sum(bool(row[key]) for row in rows)


def _counts(rows: Sequence[Row]) -> Row:
    wrong = [row for row in rows if not row["equivalent"]]
    seen = [row for row in wrong if row["first"]]
    return {
        "mutants": len(rows),
        "equivalent": len(rows) - len(wrong),
        "seen": len(seen),
        "missed": len(wrong) - len(seen),
        "first_layer_right": sum(map(in_place, seen)),
    }


def _named(rows: Sequence[Row]) -> Row:
    return {
        "tried": len(rows),
        "named_first": _count(rows, "named"),
        "first_or_equal": _count(rows, "tied"),
        "with_one_too_many": _count(rows, "spurious"),
    }


def _brief(row: Row) -> Row:
    return {key: row[key] for key in ("case", "fault", "tap", "clips", "first", "reason")}


def _otherwise(rows: Sequence[Row]) -> list[Row]:
    keys = ("case", "planted", "found", "tied")
    return [{key: row[key] for key in keys} for row in rows if not row["named"]][:LISTED]
