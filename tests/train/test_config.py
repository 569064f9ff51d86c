"""Settings are typed, checked, and the same after a journey through JSON."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import InputError
from train.config import FREE_TO_CHANGE, Augmentation, Config
from train.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name: str) -> None:
    assert Config.from_json(preset(name).to_json()) == preset(name)


@given(
    st.builds(
        Config,
        epochs=st.integers(1, 1000),
        lr=st.floats(0, 10),
        freeze_norm=st.booleans(),
        optimizer=st.sampled_from(["sgd", "adamw"]),
        augmentation=st.builds(Augmentation, flip=st.floats(0, 1)),
    )
)
def test_every_configuration_can_be_said_in_overrides(config: Config) -> None:
    said = [line.split()[0] for line in config.describe().splitlines()]
    assert Config().override(s for s in said if not s.endswith("=")) == config


def test_overrides_take_effect_in_order() -> None:
    config = Config().override(["epochs=10", "lr=0.1", "augmentation.flip=0", "epochs=12"])
    assert (config.epochs, config.lr, config.augmentation.flip) == (12, 0.1, 0.0)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("epoch=3", "no such setting"),
        ("epochs", "name=value"),
        ("epochs=3.5", "whole number"),
        ("epochs=0", "1 or more"),
        ("lr=fast", "a number"),
        ("lr=nan", "0 or more"),
        ("lr=inf", "0 or more"),
        ("drop_rate=1", "less than 1"),
        ("freeze_norm=yes", "true or false"),
        ("precision=half", "float32 bf16 fp16"),
        ("split=chance", "groups leave_one_group_out"),
        ("augmentation=none", "set its parts"),
        ("augmentation.zoom=2", "no such setting"),
        ("epochs.part=2", "has no parts"),
        ("accumulate=3", "divide"),
        ("test_crops=2", "1 or 3"),
        ("budget=1e300", "87600 hours or less"),
    ],
)
def test_what_no_run_could_use_is_refused_by_name(setting: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as refusal:
        Config().override([setting])
    assert setting.partition("=")[0].partition(".")[0] in str(refusal.value)


@pytest.mark.parametrize(
    "change", [{"epochs": "10"}, {"lr": None}, {"zoom": 1}, {"augmentation": {"flip": "no"}}]
)
def test_a_damaged_file_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(change)).replace("augmentation", "flip")):
        Config.from_json(json.dumps({**json.loads(Config().to_json()), **change}))


def test_a_run_goes_on_with_what_changes_no_weight() -> None:
    config = Config(lr=0.1)
    other = replace(config, workers=7, log_every=1)
    assert other.differences(config) == []
    assert config.continued(other).workers == 7
    assert replace(other, lr=0.2).differences(config) == ["lr=0.2, not 0.1"]
    assert set(FREE_TO_CHANGE) < {field.name for field in fields(Config)}
