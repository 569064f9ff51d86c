"""Anybody's ports measured: a sample of wrong ones fails, right ones pass; the figures add up."""

import ast
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from verify.measure.custom.catalogue import CATALOGUE
from verify.measure.custom.judge import Bench
from verify.measure.custom.mistakes import mistakes
from verify.measure.custom.plan import SAMPLE, SAMPLED_MUTANTS, units, whole
from verify.measure.custom.rewrites import rewrites
from verify.measure.custom.styles import AS_WRITTEN, fuse, styles
from verify.measure.custom.summary import CustomSummary, in_place

MEASURED = Path(__file__).parents[3] / "docs" / "measured_custom.json"


def summary_of(rows: list[dict[str, object]]) -> CustomSummary:
    return CustomSummary([{"unit": "u", "cpu_seconds": 1.0, "rows": rows}])


def test_the_sample_misses_nothing_and_cries_no_wolf() -> None:
    known = units()
    summary = summary_of([row for name in SAMPLE for row in known[name]()])
    told = summary.to_dict()
    assert len(summary.mutants) == SAMPLED_MUTANTS * len(SAMPLE)
    assert told["exceptions"]["missed"] == []
    assert [r for r in summary.right if r["outcome"] != "passed"] == []
    assert told["mutants"]["killed"] > 0.7 * len(summary.mutants)
    assert told["mutants"]["first_layer_right"] >= 0.9 * told["mutants"]["first_layer_of"]


def test_a_port_is_the_same_function_in_every_style() -> None:
    """By torch alone: names differ, so weights are copied in their order."""
    net = CATALOGUE["residual"]
    x = torch.from_numpy(net.inputs()).double().permute(0, 3, 1, 2)
    made = {name: make().double().eval() for name, make in styles(net).items()}
    torch.manual_seed(0)
    weights = [
        torch.rand_like(p) for p in made[AS_WRITTEN].state_dict().values() if p.is_floating_point()
    ]
    outputs = []
    for port in made.values():
        own = [p for p in port.state_dict().values() if p.is_floating_point()]
        for mine, weight in zip(own, weights, strict=True):
            mine.copy_(weight)
        outputs.append(port(x))
    assert len(outputs) >= 6
    for output in outputs:
        torch.testing.assert_close(output, outputs[0], rtol=1e-12, atol=0)
    kinds = {name: {type(m).__name__ for m in port.modules()} for name, port in made.items()}
    assert "ReLU" in kinds["of modules"] and "ReLU" not in kinds[AS_WRITTEN]
    assert "BatchNorm2dAct" in kinds["fused"] and "Container" in kinds["in containers"]


def test_every_mutant_has_a_name_of_its_own_and_is_drawn_the_same_again() -> None:
    net = CATALOGUE["mixer"]
    names = [[m.name for m in rewrites(net.port)] for _ in range(2)]
    assert names[0] == names[1]
    assert len(names[0]) == len(set(names[0])) > 50


def test_a_rewrite_changes_one_expression() -> None:
    net = CATALOGUE["mixer"]
    (dropped, *_) = [r for r in rewrites(net.port) if "activation dropped" in r.name]
    torch.manual_seed(0)
    right = net.port[-1]().eval()
    wrong = dropped.make(net.port)().eval()
    wrong.load_state_dict(right.state_dict())
    assert isinstance(dropped.instead, ast.expr)
    x = torch.rand(2, 6, 8)
    assert not torch.equal(right(x), wrong(x))


@pytest.mark.parametrize(
    "module",
    [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.GRU(3, 4), nn.Linear(3, 4)],
)
def test_mistakes_are_made_in_the_module_alone(module: nn.Module) -> None:
    found = list(mistakes(module))
    assert len({mistake.name for mistake in found}) == len(found) > 5
    for mistake in found:
        net = nn.Sequential(type(module)(*_made_of(module)), nn.Identity())
        before = str(net[1])
        mistake.change(net, "0")
        assert str(net[1]) == before


def _made_of(module: nn.Module) -> tuple[int, ...]:
    return {nn.Conv2d: (3, 4, 3), nn.BatchNorm2d: (4,), nn.GRU: (3, 4), nn.Linear: (3, 4)}.get(
        type(module), ()
    )


def test_a_fused_module_keeps_its_weights_and_its_kind() -> None:
    module = nn.Linear(3, 4)
    keys = list(module.state_dict())
    fuse(module, torch.relu)
    assert isinstance(module, nn.Linear) and list(module.state_dict()) == keys
    assert (module(torch.randn(5, 3)) >= 0).all()


def test_an_equivalent_mutant_is_known_without_the_verifier() -> None:
    """A hundredth more of nothing at all."""
    bench = Bench(CATALOGUE["highway"])
    mutant = next(m for m in bench.mutants() if "gate/ReLU behind it" in m.identity)
    same = next(m for m in bench.mutants() if m.family == "scales")
    judged = bench.judge(mutant, diagnose=False)
    assert judged["outcome"] == "killed" and in_place(judged)
    right = bench.styles[same.style]
    row = bench.judge(type(same)(**{**vars_of(same), "make": right}), diagnose=False)
    assert row["equivalent"] and "outcome" not in row


def vars_of(mutant: object) -> dict[str, object]:
    return {name: getattr(mutant, name) for name in mutant.__dataclass_fields__}  # type: ignore[attr-defined]


def test_a_missed_mutant_or_a_false_alarm_fails_the_measurement() -> None:
    mutant: dict[str, object] = {
        "net": "n", "mutant": "m", "how": "module", "family": "f", "style": "s",
        "equivalent": False, "hidden": False, "stillborn": False, "outcome": "killed",
        "first": "t", "expected": ["t"], "named": True, "stopped": False, "matched_elsewhere": [],
    }  # fmt: skip
    right: dict[str, object] = {"net": "n", "form": "d", "outcome": "passed", "said": ""}
    assert summary_of([mutant, right]).passed
    assert not summary_of([]).passed
    assert not summary_of([mutant | {"outcome": "missed"}, right]).passed
    assert summary_of([mutant, mutant | {"outcome": "missed", "hidden": True}, right]).passed
    assert not summary_of([mutant | {"first": "u"}, right]).passed
    assert not summary_of([mutant | {"named": False}, right]).passed
    assert summary_of([mutant, mutant | {"named": False, "stopped": True}, right]).passed
    assert not summary_of([mutant, right | {"outcome": "failed"}]).passed
    assert not summary_of([mutant, right | {"outcome": "crashed"}]).passed


def test_the_units_cover_every_net() -> None:
    assert len(CATALOGUE) >= 30
    assert set(SAMPLE) | set(whole()) == set(units())
    assert all(any(name.endswith(f" {net}") for name in whole()) for net in CATALOGUE)


@pytest.mark.skipif(not MEASURED.exists(), reason="nothing is measured yet")
def test_the_committed_figures_add_up() -> None:
    told = json.loads(MEASURED.read_text())
    outcomes = "killed missed renamed refused crashed".split()
    keys = ["planted", "equivalent", "stillborn", "hidden", *outcomes]
    whole_count = {key: told["mutants"][key] for key in keys}
    assert whole_count["planted"] == sum(whole_count[key] for key in keys[1:])
    for group in ("by how", "families", "styles", "by net"):
        for key in keys:
            assert sum(row[key] for row in told[group]) == whole_count[key], (group, key)
    assert told["nets"] >= 30 and whole_count["planted"] >= 6000
    bars = {bar["what"]: bar for bar in told["bars"]}
    assert bars["mutants failed"]["of"] == whole_count["killed"] + whole_count["missed"]
    assert told["exceptions_counted"]["missed"] == whole_count["missed"]
    assert sum(told["right_ports"].values()) == bars["right ports run"]["of"]
