"""Configurations to start from, by name.

    tvn finetune --preset=ucf50_tvn1 --weights=tvn1.safetensors --data=UCF50 --run=RUN
    tvn finetune --preset=smoke --data=GENERATED --run=RUN

`ucf50_NET` is meant for one GPU and two to three hours; its values are those customary for
fine-tuning and have not been tuned on UCF50. `generated` learns the data set of `tvn data
generate` from scratch on two cores; `smoke` shows in seconds that everything runs.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from port.errors import InputError
from port.genotype import list_models
from port.text import visible
from train.config import Augmentation, Config

HOURS = {"h": 1.0, "min": 1 / 60, "s": 1 / 3600}

UCF50 = Config(
    epochs=100,
    batch_size=64,
    workers=8,
    lr=0.02,
    warmup=5.0,
    weight_decay=1e-4,
    label_smoothing=0.1,
    mixup=0.2,
    clip_norm=1.0,
    average=0.999,
    layer_decay=0.8,
    precision="bf16",
    channels_last=True,
    keep_every=25,
    evaluate_every=5,
    test_clips=10,
    test_crops=3,
)

GENERATED = Config(
    model="small",
    epochs=25,
    batch_size=8,
    optimizer="adamw",
    lr=0.005,
    weight_decay=0.05,
    warmup=1.0,
    drop_rate=0.2,
    clip_norm=1.0,
    channels_last=True,
    evaluate_every=5,
    test_clips=3,
    augmentation=Augmentation(min_scale=0.6),
)

PRESETS = {
    **{f"ucf50_{net}": replace(UCF50, model=net) for net in list_models()},
    "generated": GENERATED,
    "smoke": replace(GENERATED, epochs=2, evaluate_every=1, image_size=32, test_clips=1),
}


def preset(name: str) -> Config:
    """The configuration of that name; raises InputError where there is none."""
    if name not in PRESETS:
        raise InputError(f"--preset={name}: no such preset; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def configure(
    name: str | None = None,
    model: str | None = None,
    split: str | None = None,
    fold: int | None = None,
    budget: str | None = None,
    settings: Sequence[str] = (),
) -> Config:
    """A configuration as `tvn finetune` takes it: the preset, then the flags, then the settings.

    Args:
        name: of a preset; the defaults if None.
        model: the net.
        split: how train and test are told apart.
        fold: which part is tested.
        budget: time to fit the epochs to, such as `2h`, `90min` or `30s`.
        settings: `name=value`, several with commas between them.

    Raises:
        InputError: there is no such preset or setting, or it takes no such value.
    """
    config = preset(name) if name else Config()
    if model is not None:
        config = replace(config, model=model)
    given = {"split": split, "fold": fold}
    config = config.override([f"{k}={v}" for k, v in given.items() if v is not None])
    if budget is not None:
        config = replace(config, budget=_hours(budget))
    return config.override([part for text in settings for part in text.split(",") if part])


def _hours(text: str) -> float:
    # re.ASCII: `\d` alone takes the digits of every script.
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(h|min|s)", text, re.ASCII)
    hours = float(found[1]) * HOURS[found[2]] if found else 0.0
    if not hours:
        raise InputError(f"--budget={visible(text)}: must look like 2h, 90min or 1.5h")
    return hours
