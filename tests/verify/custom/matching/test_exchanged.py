"""Equal-shaped layers: names tell them apart; outputs decide, but never against equal names."""

from collections.abc import Callable

import keras
import pytest
import torch
from keras import layers, ops
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.matching.alike_names import cross, likeness

TOKENS = probe_input((2, 5, 8)) - 0.5


def feed_forward(blocks: int = 1) -> Callable[[], keras.Model]:
    """SwiGLU: the gate goes through SiLU, and times `up`."""

    def build() -> keras.Model:
        x = tokens = layers.Input((5, 8))
        for index in range(blocks):
            gate = layers.Dense(16, use_bias=False, name=f"block_{index}_gate")(x)
            up = layers.Dense(16, use_bias=False, name=f"block_{index}_up")(x)
            x = layers.Dense(8, use_bias=False, name=f"block_{index}_down")(ops.silu(gate) * up)
        return keras.Model(tokens, x)

    return build


class SwiGLU(nn.Module):
    """With SiLU on `activated`."""

    def __init__(self, activated: str = "gate_proj", names: tuple[str, str] | None = None) -> None:
        super().__init__()
        first, second = self.names = names or ("gate_proj", "up_proj")
        self.add_module(first, nn.Linear(8, 16, bias=False))
        self.add_module(second, nn.Linear(8, 16, bias=False))
        self.down_proj = nn.Linear(16, 8, bias=False)
        self.activated = activated

    def forward(self, x: Tensor) -> Tensor:
        first, second = (self.get_submodule(name)(x) for name in self.names)
        if self.activated == self.names[0]:
            return self.down_proj(F.silu(first) * second)
        return self.down_proj(first * F.silu(second))


def test_an_exchange_against_equal_names_is_the_finding() -> None:
    original = KerasModel(feed_forward(), seed=0)
    right = port_spec("right", original, SwiGLU(), TOKENS)
    assert verify.compare_layers(right).passed
    assert matching_of(right).ambiguous == []
    wrong = port_spec("wrong", original, SwiGLU("up_proj"), TOKENS)
    assert not verify.compare_layers(wrong).passed
    assert matching_of(wrong).weights["block_0_gate/kernel"].startswith("gate_proj.weight")
    settled = matching_of(wrong).settled
    assert "against their names" in settled
    assert "layers={'block_0_gate': 'up_proj', 'block_0_up': 'gate_proj'}" in settled
    confirmed = {"block_0_gate": "up_proj", "block_0_up": "gate_proj"}
    meant = port_spec("meant", original, SwiGLU("up_proj"), TOKENS, layers=confirmed)
    assert verify.compare_layers(meant).passed


@pytest.mark.parametrize("activated", ["w1", "w3"])
def test_names_that_say_nothing_leave_it_to_the_outputs(activated: str) -> None:
    port = SwiGLU(activated, ("w1", "w3"))
    spec = port_spec("unnamed", KerasModel(feed_forward(), seed=0), port, TOKENS)
    assert verify.compare_layers(spec).passed
    assert matching_of(spec).weights["block_0_gate/kernel"].startswith(activated)
    assert ("are exchanged, which was done" in matching_of(spec).settled) == (activated == "w3")


@pytest.mark.parametrize(("one", "other"), [("b", "gate"), ("g", "c"), ("c.g", "d.u")])
def test_letters_deny_no_match(one: str, other: str) -> None:
    """`u` may stand for `up`, and is but the next letter after `t`."""
    assert not cross(("block_gate", f"{one}.u"), ("block_up", f"{other}.g"))
    assert cross(("attention/query", "attn.k"), ("attention/key", "attn.q"))


class Numbered(nn.Module):
    """Three layers of one shape that read the same; a sum is wrong where `wrong`."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.branch5 = nn.Linear(8, 4)
        self.branch3 = nn.Linear(8, 4)
        self.branch1 = nn.Linear(8, 4)
        self.wrong = wrong

    def forward(self, x: Tensor) -> Tensor:
        wide = self.branch5(x)
        return self.branch3(x) * (wide + 1 if self.wrong else wide) + self.branch1(x).exp()


@pytest.mark.parametrize("wrong", [False, True])
def test_numbers_tell_equals_apart(wrong: bool) -> None:
    def build() -> keras.Model:
        x = layers.Input((5, 8))
        one, three, five = (layers.Dense(4, name=f"branch{n}")(x) for n in (1, 3, 5))
        return keras.Model(x, three * five + ops.exp(one))

    spec = port_spec("branches", KerasModel(build, seed=0), Numbered(wrong), TOKENS)
    report = verify.compare_layers(spec)
    assert (report.passed, report.first_failure) == (not wrong, "multiply" if wrong else None)
    places = matching_of(spec).weights
    assert {n: places[f"branch{n}/kernel"].partition(".")[0] for n in (1, 3, 5)} == {
        n: f"branch{n}" for n in (1, 3, 5)
    }


def test_exchanges_are_combined() -> None:
    port = nn.Sequential(*(SwiGLU("w3", ("w1", "w3")) for _ in range(3)))
    spec = port_spec("three", KerasModel(feed_forward(3), seed=0), port, TOKENS)
    assert verify.compare_layers(spec).passed
    assert matching_of(spec).settled.count("block_") == 6


def test_an_exchange_finds_the_layouts_anew() -> None:
    """Of kernels that are split by head in other ways the same tensor holds either."""

    def build() -> keras.Model:
        x = tokens = layers.Input((5, 8))
        first = layers.EinsumDense("bld,dhk->blhk", output_shape=(5, 2, 4), name="first")(x)
        second = layers.EinsumDense("bld,dhk->blhk", output_shape=(5, 4, 2), name="second")(x)
        first, second = (layers.Reshape((5, 8))(heads) for heads in (first, second))
        return keras.Model(tokens, ops.silu(first) * second)

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            a, b = self.a(x), self.b(x)
            return F.silu(b) * a

    spec = port_spec("heads", KerasModel(build, seed=0), Port(), TOKENS)
    assert matching_of(spec).weights["first/kernel"] == "b.weight (d h k -> (h k) d; h=2 k=4)"
    assert verify.compare_layers(spec).passed


class Branches(nn.Module):
    """Two equal branches, of which the second reads what the first layer of all computed."""

    def __init__(self, crossed: bool) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(8, 8), nn.Linear(8, 8)
        self.crossed = crossed

    def forward(self, x: Tensor) -> Tensor:
        one, other = (self.right, self.left) if self.crossed else (self.left, self.right)
        return one(x) - 2 * other(torch.tanh(x))


@pytest.mark.parametrize("crossed", [False, True])
def test_what_is_read_does_not_overrule_equal_names(crossed: bool) -> None:
    def build() -> keras.Model:
        x = tokens = layers.Input((5, 8))
        left, right = (layers.Dense(8, name=name) for name in ("left", "right"))
        return keras.Model(tokens, left(x) - 2 * right(ops.tanh(x)))

    spec = port_spec("branches", KerasModel(build, seed=0), Branches(crossed), TOKENS)
    report = verify.compare_layers(spec)
    assert report.passed != crossed
    assert ("against their names" in matching_of(spec).settled) == crossed
    if crossed:
        assert [tap.name for tap in report.taps if not tap.passed][:2] == ["right", "left"]
        names = {"left": "right", "right": "left"}
        meant = port_spec(
            "meant", KerasModel(build, seed=0), Branches(crossed), TOKENS, layers=names
        )
        assert verify.compare_layers(meant).passed


def test_what_names_say() -> None:
    assert likeness("block_0/gate", "layers.0.mlp.gate_proj") > likeness("block_0/up", "gate_proj")
    assert likeness("attention/query", "attn.q") > likeness("attention/key", "attn.q")
    assert cross(("gate", "mlp.up_proj"), ("up", "mlp.gate_proj"))
    assert cross(("branch1", "net.branch2"), ("branch2", "net.branch1"))
    for pair, other in (
        (("dense", "fc1"), ("dense_1", "fc2")),
        (("dense_1", "fc2"), ("dense_2", "fc3")),
        (
            ("conv2_block1_1_conv", "stages.0.layers.0"),
            ("conv2_block2_1_conv", "stages.0.layers.1"),
        ),
        (("gate", "gate"), ("up", "up")),
        (("query", "a"), ("key", "b")),
    ):
        assert not cross(pair, other)


@pytest.mark.parametrize("names", [("w1", "w3"), ("up_proj", "gate_proj")])
def test_values_that_a_port_has_already_say_which_layer_it_is(names: tuple[str, str]) -> None:
    original = KerasModel(feed_forward(), seed=0)
    port = SwiGLU(names[1], names)  # what works first, and has the first name, is `up`
    with torch.no_grad():
        for layer, name in zip(("up", "gate", "down"), (*names, "down_proj"), strict=True):
            kernel = original.variables[f"block_0_{layer}/kernel"]
            port.get_submodule(name).weight.copy_(torch.from_numpy(kernel.T))
    spec = port_spec("loaded", original, port, TOKENS, loaded=True)
    assert matching_of(spec).weights["block_0_up/kernel"].startswith(names[0])
    assert verify.compare_layers(spec).passed
    wrong = SwiGLU(names[0], names)
    wrong.load_state_dict(port.state_dict())
    assert not verify.compare_layers(
        port_spec("wrong", original, wrong, TOKENS, loaded=True)
    ).passed


def attention() -> keras.Model:
    x = tokens = layers.Input((5, 8))
    query, key, value = (layers.Dense(8, name=name)(x) for name in ("query", "key", "value"))
    weights = layers.Softmax()(ops.matmul(query, ops.transpose(key, (0, 2, 1))))
    return keras.Model(tokens, ops.matmul(weights, value))


class Attention(nn.Module):
    """Its linears work in the order of their `names`; `roles` are query, key and value of them."""

    def __init__(self, names: str, roles: str) -> None:
        super().__init__()
        self.roles = roles
        for name in names:
            self.add_module(name, nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        computed = {name: module(x) for name, module in self.named_children()}
        query, key, value = (computed[role] for role in self.roles)
        return (query @ key.mT).softmax(-1) @ value


@pytest.mark.parametrize("roles", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_three_without_names_find_their_places_by_the_outputs(roles: str) -> None:
    """Two of the six orders are cycles of three."""
    original = KerasModel(attention, seed=0)
    spec = port_spec("q, k, v", original, Attention("abc", roles), TOKENS)
    weights = matching_of(spec).weights
    found = [weights[f"{layer}/kernel"][0] for layer in ("query", "key", "value")]
    assert "".join(found) == roles
    assert verify.compare_layers(spec).passed


@pytest.mark.parametrize("roles", ["qkv", "kvq", "vqk", "kqv", "vkq"])
def test_three_that_work_against_their_names_fail_unless_that_is_said(roles: str) -> None:
    original = KerasModel(attention, seed=0)
    spec = port_spec("q, k, v", original, Attention("qkv", roles), TOKENS)
    assert verify.compare_layers(spec).passed == (roles == "qkv")
    if roles != "qkv":
        meant = dict(zip(("query", "key", "value"), roles, strict=True))
        moved = [f"{layer!r}: {path!r}" for layer, path in meant.items() if layer[0] != path]
        assert all(line in matching_of(spec).settled for line in moved), matching_of(spec).settled
        said = port_spec("meant", original, Attention("qkv", roles), TOKENS, layers=meant)
        assert verify.compare_layers(said).passed
