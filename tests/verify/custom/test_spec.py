"""Anybody's port: matched by the data, wrong ones fail where they are wrong, doubts are told."""

from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor, nn

import verify
from examples.keras_small import PadSame, Small, build
from port.errors import InputError
from tests.tvn_cli.run import tvn
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.originals.original import Call
from verify.diagnosis.layer_view import layer_view
from verify.engine.training import compare_training
from verify.reports.training_report import TrainingReport
from verify.specs.spec import PortSpec

IMAGES = probe_input((2, 15, 20, 3))
EXAMPLE = Path(__file__).parents[3] / "examples" / "keras_small.py"


class _Kept(KerasModel):
    """Runs only once what many comparisons share."""

    def __init__(self) -> None:
        super().__init__(build, seed=0)
        self.called = super().calls({"input": IMAGES})

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        return self.called


@pytest.fixture(scope="module")
def original() -> KerasModel:
    return _Kept()


def small(original: KerasModel, port: nn.Module, **given: object) -> PortSpec:
    return port_spec("small", original, port, IMAGES, **given)  # type: ignore[arg-type]


def test_a_right_port_passes_and_everything_is_matched(original: KerasModel) -> None:
    spec = small(original, Small())
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert max(tap.accumulated.function.relative for tap in report.taps if tap.accumulated) < 1e-14
    assert matching_of(spec).weights.keys() == original.variables.keys()
    assert matching_of(spec).unplaced == []
    assert matching_of(spec).ambiguous == []
    view = layer_view(spec, "dw")
    assert isinstance(view.module, nn.Conv2d)
    np.testing.assert_allclose(view.output(), view.expected, rtol=0, atol=1e-14)


class _Flattened(Small):
    """Flattens channels first, as torch has them."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_act(self.stem_bn(self.stem(self.pad(x))))
        x = self.dw_act(self.dw_bn(self.dw(self.dw_pad(x))))
        x = x * self.gate_act(self.gate(self.gate_mean(x)))
        return self.classes(x.flatten(1))


class _OtherSide(PadSame):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(2, 3)).flip(2, 3)


def _wrong(change: Callable[[Small], object]) -> Small:
    port = Small()
    change(port)
    return port


MISTAKES = {
    "padding on the other side": ("stem", lambda p: setattr(p, "pad", _OtherSide(3, 2))),
    "epsilon": ("stem_bn", lambda p: setattr(p.stem_bn, "eps", 1e-5)),
    "no cap": ("stem_act", lambda p: setattr(p, "stem_act", nn.ReLU())),
    "no activation": ("dw_act", lambda p: setattr(p, "dw_act", nn.Identity())),
    "other padding": ("dw", lambda p: setattr(p, "dw_pad", nn.ZeroPad2d(2))),
    "a maximum": ("gate_mean", lambda p: setattr(p, "gate_mean", nn.AdaptiveMaxPool2d(1))),
    "another sigmoid": ("gate", lambda p: setattr(p, "gate_act", nn.Sigmoid())),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_shows_at_its_own_layer_alone(original: KerasModel, mistake: str) -> None:
    tap, change = MISTAKES[mistake]
    report = verify.compare_layers(small(original, _wrong(change)))
    alone = [t.name for t in report.taps if t.isolated and not t.isolated.same_function]
    assert (report.first_failure, alone[:1]) == (tap, [tap])
    assert set(alone) <= {tap, "classes"}, "a mistake spreads though layers are isolated"


def test_a_flattening_order_is_a_mistake_or_a_layout(original: KerasModel) -> None:
    spec = small(original, _Flattened())
    report = verify.compare_layers(spec)
    assert [tap.name for tap in report.taps if not tap.isolated or not tap.isolated.passed] == [
        "flatten"
    ]
    assert [place.partition(" ")[2] for place in matching_of(spec).reordered] == ["flatten"]
    layout = "(h w c) o -> o (c h w); h=4 w=5"
    table = {"classes/kernel": ("classes.weight", layout)}
    spec = small(original, _Flattened(), weights=table)
    assert matching_of(spec).taps["flatten"].endswith("(n (h w c) -> n (c h w); h=4 w=5)")
    assert verify.compare_layers(spec).passed


def test_equal_shaped_neighbours_are_told_and_the_outputs_decide() -> None:
    """Query and key read the same and look the same; only what follows tells them apart."""

    def attention() -> keras.Model:
        x = tokens = layers.Input((5, 8))
        query, key = (layers.Dense(8, name=name)(x) for name in ("query", "key"))
        weights = layers.Softmax()(keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1))))
        return keras.Model(tokens, keras.ops.matmul(weights, tokens))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            query, key = self.a(x), self.b(x)
            return (query @ key.mT).softmax(-1) @ x

    spec = port_spec("q, k", KerasModel(attention, seed=0), Attention(), probe_input((2, 5, 8)))
    assert matching_of(spec).ambiguous == ["a: key, by what it reads; query would fit as well"]
    assert "key and query are exchanged" in matching_of(spec).settled
    assert matching_of(spec).weights["query/kernel"] == "a.weight (i o -> o i)"
    assert verify.compare_layers(spec).passed


def test_a_model_of_text_is_matched_in_its_layouts() -> None:
    """Whole numbers in, attention whose kernels are split by head, activations inside layers."""

    def text() -> keras.Model:
        tokens = layers.Input((7,), dtype="int32")
        x = layers.Embedding(20, 12, name="embed")(tokens)
        x = layers.LayerNormalization(name="norm")(
            x + layers.MultiHeadAttention(3, 4, name="a")(x, x)
        )
        x = layers.Dense(24, activation="gelu", name="up")(x)
        x = layers.GlobalAveragePooling1D(name="pool")(x)
        return keras.Model(tokens, layers.Dense(3, activation="softmax", name="classes")(x))

    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.norm = nn.Embedding(20, 12), nn.LayerNorm(12, eps=1e-3)
            self.q, self.k, self.v, self.out = (nn.Linear(12, 12) for _ in range(4))
            self.up, self.act, self.classes = nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            x = self.embed(tokens)
            projected = (linear(x).unflatten(2, (3, 4)) for linear in (self.q, self.k, self.v))
            q, k, v = (heads.transpose(1, 2) for heads in projected)
            mixed = (q @ k.mT / 2).softmax(-1) @ v
            x = self.norm(x + self.out(mixed.transpose(1, 2).flatten(2)))
            return self.classes(self.act(self.up(x)).mean(1)).softmax(-1)

    tokens = np.random.default_rng(0).integers(0, 20, (4, 7))
    spec = port_spec("text", KerasModel(text(), seed=0), Text(), tokens)
    assert matching_of(spec).weights["a/query/kernel"] == "q.weight (d h k -> (h k) d; h=3 k=4)"
    assert verify.compare_layers(spec).passed


def test_what_is_left_over_is_refused_by_name(original: KerasModel) -> None:
    port = Small()
    port.gate = nn.Conv2d(16, 16, 1, bias=False)
    with pytest.raises(InputError, match="gate/bias"):
        small(original, port)
    spec = small(original, port, without=["gate/bias"])
    assert matching_of(spec).only_in_original == ["gate/bias"]
    assert verify.compare_layers(spec).first_failure == "gate/linear"
    port = Small()
    port.scale = nn.Parameter(torch.ones(3))
    with pytest.raises(InputError, match=r"the port's scale"):
        small(original, port)
    for names in ({"layers": {"steam": "stem"}}, {"taps": {"stem": "steam"}}):
        with pytest.raises(InputError, match="steam"):
            small(original, Small(), **names)


def test_weights_of_a_loaded_port_are_compared_bit_for_bit(original: KerasModel) -> None:
    loaded = small(original, Small()).port
    port = loaded.module  # type: ignore[attr-defined]
    assert verify.compare_layers(small(original, port, loaded=True)).passed
    with torch.no_grad():
        port.dw_bn.bias[3] += 1e-6
    report = verify.compare_layers(small(original, port, loaded=True))
    assert report.first_failure == "dw_bn"
    assert [t.other_weights for t in report.taps if t.other_weights] == [("dw_bn/beta",)]


def test_a_converter_of_ones_own_is_judged_by_what_it_gives(original: KerasModel) -> None:
    right = small(original, Small()).port.module.state_dict()  # type: ignore[attr-defined]
    assert verify.compare_layers(small(original, Small(), weights=lambda _: right)).passed
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        "inputs in another order": lambda w: w.flip(1),
        "outputs in another order": lambda w: w.roll(1, 0),
        "one number off": lambda w: w + 0.1 * (w == w.max()),
    }
    for told, change in changes.items():
        wrong = right | {"stem.weight": change(right["stem.weight"])}
        spec = small(original, Small(), weights=lambda _, wrong=wrong: wrong)
        report = verify.verify(spec)
        assert report.first_failure == "stem", told
        assert report.diagnosis is not None
        assert any("confirmed" in line for line in report.diagnosis.lines), told
    assert "stem: other values than stem/kernel" in report.diagnosis.lines[1]


def test_what_a_converter_computes_keeps_all_digits(original: KerasModel) -> None:
    """A batch norm folded into its convolution is no other function."""
    state = small(original, Small()).port.module.state_dict()  # type: ignore[attr-defined]
    right = {key: tensor for key, tensor in state.items() if not key.startswith("stem_bn")}

    def folded(variables: Mapping[str, np.ndarray], epsilon: float = 1e-3) -> dict[str, Tensor]:
        named = {k: torch.from_numpy(v) for k, v in variables.items()}
        gamma, beta, mean, variance = (
            named[f"stem_bn/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / (variance + epsilon).sqrt()
        return right | {
            "stem.weight": right["stem.weight"] * scale[:, None, None, None],
            "stem.bias": beta - mean * scale,
        }

    port = Small()
    port.stem = nn.Conv2d(3, 16, 3, stride=2)
    port.stem_bn = nn.Identity()  # type: ignore[assignment]
    report = verify.compare_layers(small(original, port, weights=folded))
    assert report.passed, report.first_failure
    report = verify.compare_layers(small(original, port, weights=lambda v: folded(v, 1e-5)))
    assert not report.passed


def test_training_is_compared_too_and_only_there_some_mistakes_show(
    original: KerasModel,
) -> None:
    def trained(change: Callable[[Small], object]) -> TrainingReport:
        spec = small(original, _wrong(change))
        assert spec.training is not None
        return compare_training(spec.training)

    right = trained(lambda port: None)
    assert right.passed, right.first_failure
    assert max(value.float64_error for value in right.values) < 1e-12
    slow = trained(lambda port: setattr(port.dw_bn, "momentum", 0.1))
    failed = [value.name for value in slow.values if not value.passed]
    assert failed == ["dw_bn/moving_mean", "dw_bn/moving_variance"]
    # PyTorch's own has a sixth that is rounded to float32 in its gradient.
    rounded = trained(lambda port: setattr(port, "gate_act", nn.Hardsigmoid()))
    assert rounded.first_failure == "gradient/gate/bias"
    frozen = trained(lambda port: port.stem_bn.weight.requires_grad_(False))
    assert frozen.first_failure == "gradient/stem_bn/gamma"
    unmoved = small(original, _wrong(lambda port: setattr(port.dw_bn, "momentum", 0.1)))
    assert verify.compare_layers(unmoved).passed, "inference shows it too"


class _Refusing(Small):
    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_act(self.stem_bn(self.stem(self.pad(x))))
        return self.classes(x.reshape(len(x), 7, -1))


def test_a_port_that_stops_is_judged_as_far_as_it_gets(original: KerasModel) -> None:
    report = verify.compare_layers(small(original, _Refusing()))
    reasons = [tap.reason for tap in report.taps]
    assert reasons[:3] == [None, None, None]
    assert set(reasons[3:]) == {verify.Reason.NOT_COMPUTED}
    assert (report.first_failure, report.taps[-1].name) == ("dw", "output")
    assert "RuntimeError: shape '[2, 7, -1]' is invalid" in str(report.about.stopped)


def test_a_port_must_return_as_many_tensors(original: KerasModel) -> None:
    class Two(Small):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(x), x

    with pytest.raises(InputError, match=r"one array 2×10; the port 0 2×10, 1 2×3×15×20.*y\[0\]"):
        small(original, Two())
    spec = small(original, Two(), forward=lambda port, inputs: port(inputs["input"])[0])
    assert verify.compare_layers(spec).passed


def test_a_subclassed_model_with_layers_in_layers_and_one_used_twice() -> None:
    class Twice(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="twice")
            self.dense, self.norm = layers.Dense(6, name="d"), layers.LayerNormalization(name="n")

        def call(self, x: object) -> object:
            return self.norm(self.dense(keras.ops.relu(self.dense(x))))

    class Model(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.block = Twice()

        def call(self, x: object) -> object:
            return self.block(x)

    def made() -> keras.Model:
        model = Model()
        model(np.zeros((1, 6)))
        return model

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.norm = nn.Linear(6, 6), nn.LayerNorm(6, eps=1e-3)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.dense(self.dense(x).relu()))

    spec = port_spec("twice", KerasModel(made, seed=0), Port(), probe_input((3, 6)))
    assert list(matching_of(spec).taps) == ["twice/d", "twice/d#2", "twice/n", "output"]
    assert verify.compare_layers(spec).passed


def test_the_command_tells_how_it_matched_and_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "verify", f"--spec={EXAMPLE}", f"--json={tmp_path / 'r.json'}")
    assert done.status == 0
    assert "matched: 14 variables, 13 taps" in done.out
    assert (tmp_path / "r.json").is_file()
    wrong = tmp_path / "wrong.py"
    wrong.write_text(EXAMPLE.read_text().replace("eps=1e-3", "eps=1e-5"))
    assert tvn(capsys, "verify", f"--spec={wrong}").status == 1
    assert "dw_bn.weight" in tvn(capsys, "verify", f"--spec={wrong}", "--review").out
    wrong.write_text("import keras\n\ndef spec():\n    return keras.nothing\n")
    done = tvn(capsys, "verify", f"--spec={wrong}")
    assert (done.status, "wrong.py, line 4: AttributeError" in done.err) == (2, True)
    assert tvn(capsys, "verify", f"--spec={wrong}", "--model=tvn1").status == 2
