"""The configuration of a run: typed, checked, overridden from the command line, kept in the run."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from port.errors import InputError
from port.untrusted import parse_json

Settings = TypeVar("Settings")

# Of a budget: ten years. What is planned with stays finite.
# How train and test are told apart; see `train.data.splits`.
SCHEMES = ("groups", "leave_one_group_out", "official", "random")
MOST_HOURS = 87_600
# What may differ when a run is continued, since no weight depends on it.
FREE_TO_CHANGE = ("device", "evaluate_every", "keep_every", "log_every", "save_minutes", "workers")


def _setting(default: Any, about: str, *choices: str, least: float = -math.inf) -> Any:
    """A field with what it means and what it may be."""
    return field(default=default, metadata={"about": about, "choices": choices, "least": least})


@dataclass(frozen=True)
class Augmentation:
    """How much a training clip is varied.

    `min_scale`, `max_scale`: the share of the frame's area that is cut out; `max_aspect`: how much
    wider than high, or higher than wide, at most; `flip`: probability of a mirror image;
    `brightness`, `contrast`, `saturation`: up to which share they rise or fall.
    """

    min_scale: float = 0.35
    max_scale: float = 1.0
    max_aspect: float = 4 / 3
    flip: float = 0.5
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything a run's result depends on. `describe` prints what each setting means."""

    model: str = _setting("", "a published net, `small` or a genotype file; that of the weights")
    num_frames: int = _setting(0, "frames of a clip; 0 for the net's own", least=0)
    frame_stride: int = _setting(0, "their distance in the video; 0 for the net's own", least=0)
    image_size: int = _setting(0, "height and width in pixels; 0 for the net's own", least=0)
    drop_rate: float = _setting(0.5, "dropout in front of the classifier", least=0)
    max_pool_predictions: bool = _setting(False, "the published head that pools over frames")

    split: str = _setting("groups", "how train and test are told apart", *SCHEMES)
    fold: int = _setting(0, "which part is tested, counted from 0", least=0)
    workers: int = _setting(1, "processes a rank that decode; 0 for none of their own", least=0)
    max_failed: float = _setting(0.01, "share of undecodable files that stops the run", least=0)
    augmentation: Augmentation = field(default_factory=Augmentation)

    epochs: int = _setting(60, "passes over the training videos", least=1)
    batch_size: int = _setting(64, "clips a step, over all processes", least=1)
    accumulate: int = _setting(1, "parts a step's clips are computed in, to save memory", least=1)
    optimizer: str = _setting("sgd", "with momentum as TensorFlow has it", "sgd", "adamw")
    lr: float = _setting(0.01, "the highest learning rate", least=0)
    momentum: float = _setting(0.9, "of sgd; the first beta of adamw", least=0)
    nesterov: bool = _setting(False, "sgd looks ahead")
    weight_decay: float = _setting(1e-4, "of weights; norms and biases have none", least=0)
    warmup: float = _setting(2.0, "epochs in which the rate rises", least=0)
    final_lr: float = _setting(0.0, "where the cosine ends, as a share of lr", least=0)
    layer_decay: float = _setting(1.0, "factor of the rate from a block to the one below", least=0)
    label_smoothing: float = _setting(0.1, "share of a label given to all classes", least=0)
    mixup: float = _setting(0.0, "alpha of the mixing of clips; 0 for none", least=0)
    clip_norm: float = _setting(0.0, "largest norm of the gradient; 0 for any", least=0)
    average: float = _setting(0.0, "decay of the moving average of weights; 0 for none", least=0)
    freeze_stages: int = _setting(0, "blocks that stay as they are; -1 for all", least=-1)
    freeze_norm: bool = _setting(False, "batch norms keep their statistics")

    device: str = _setting("auto", "cuda where there is one, or cpu", "auto", "cpu", "cuda")
    precision: str = _setting("float32", "of the net's arithmetic", "float32", "bf16", "fp16")
    channels_last: bool = _setting(False, "colours innermost in memory")
    compile: bool = _setting(False, "torch.compile")
    sync_norm: bool = _setting(False, "batch-norm statistics over all processes (cuda only)")
    seed: int = _setting(0, "of weights, order, clips, dropout and mixing", least=0)

    budget: float = _setting(0.0, "hours to fit the epochs to; 0 for as many as given", least=0)
    estimate_after: float = _setting(60.0, "seconds until the duration is estimated", least=0)
    log_every: int = _setting(10, "steps between lines of metrics", least=1)
    save_minutes: float = _setting(
        10.0, "minutes between checkpoints in an epoch; 0 for every step", least=0
    )
    keep_every: int = _setting(0, "epochs between checkpoints that are kept; 0 for none", least=0)
    evaluate_every: int = _setting(1, "epochs between tests while training", least=1)
    test_clips: int = _setting(5, "clips of a video averaged in the final test", least=1)
    test_crops: int = _setting(1, "crops of a clip averaged there: 1 or 3", least=1)

    def __post_init__(self) -> None:
        """Refuse what no run could use.

        Raises:
            InputError: names the setting.
        """
        for each in fields(self):
            value, rule = getattr(self, each.name), each.metadata
            if rule and rule["choices"] and value not in rule["choices"]:
                raise InputError(f"{each.name}={value}: must be one of {' '.join(rule['choices'])}")
            if isinstance(value, int | float) and not rule["least"] <= value < math.inf:
                raise InputError(f"{each.name}={value}: must be {rule['least']:g} or more")
        for name in ("drop_rate", "momentum", "average", "label_smoothing"):
            if getattr(self, name) >= 1:
                raise InputError(f"{name}={getattr(self, name)}: must be less than 1")
        if self.budget > MOST_HOURS:
            raise InputError(f"budget={self.budget:g}: must be {MOST_HOURS} hours or less")
        if self.batch_size % self.accumulate:
            raise InputError(
                f"batch_size={self.batch_size}: must divide into accumulate={self.accumulate} parts"
            )
        if self.test_crops not in (1, 3):
            raise InputError(f"test_crops={self.test_crops}: must be 1 or 3")

    def override(self, settings: Iterable[str]) -> "Config":
        """With each `name=value` of `settings` put in place.

        Raises:
            InputError: an unknown name or a value of the wrong type.
        """
        config = self
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                raise InputError(f"--set={setting}: settings look like name=value")
            config = _put(config, name.strip().split("."), text.strip(), name)
        return config

    def to_json(self) -> str:
        """Every setting."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """The inverse of `to_json`; raises InputError where it is none."""
        return _build(cls, parse_json(text, "configuration"))

    def differences(self, other: "Config") -> list[str]:
        """What may not differ where a run goes on, as `name: this, not that`."""
        pairs = ((e.name, getattr(self, e.name), getattr(other, e.name)) for e in fields(self))
        return [f"{n}={a}, not {b}" for n, a, b in pairs if a != b and n not in FREE_TO_CHANGE]

    def continued(self, other: "Config") -> "Config":
        """This configuration with what `other` may change of it."""
        return replace(self, **{name: getattr(other, name) for name in FREE_TO_CHANGE})

    def describe(self) -> str:
        """Every setting with its value and its meaning, a line each."""
        lines = []
        for each in fields(self):
            value, about = getattr(self, each.name), each.metadata.get("about", "")
            if is_dataclass(value):
                parts = asdict(value).items()  # type: ignore[arg-type]
                lines += [f"{each.name}.{name}={_text(part)}" for name, part in parts]
            else:
                about += f" ({', '.join(c)})" if (c := each.metadata["choices"]) else ""
                lines.append(f"{f'{each.name}={_text(value)}':<28} {about}")
        return "\n".join(lines)


def _put(settings: Settings, path: list[str], text: str, name: str) -> Settings:
    """`settings` with the field at `path` set from text."""
    kinds = get_type_hints(type(settings))
    first, *rest = path
    if first not in kinds:
        raise InputError(f"--set={name}: no such setting; there are {', '.join(kinds)}")
    if rest:
        if not is_dataclass(kinds[first]):
            raise InputError(f"--set={name}: {first} has no parts")
        value = _put(getattr(settings, first), rest, text, name)
    else:
        value = _parse(kinds[first], text, name)
    try:
        return replace(settings, **{first: value})  # type: ignore[type-var]
    except ValueError as error:
        raise InputError(f"--set={name}={text}: {error}") from None


def _parse(kind: Any, text: str, name: str) -> Any:
    """`text` as a value of type `kind`; the parts of a tuple stand between colons."""
    if get_origin(kind) is tuple:
        return tuple(_parse(get_args(kind)[0], part, name) for part in text.split(":"))
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"--set={name}={text}: must be true or false")
        return text.lower() == "true"
    if kind not in (int, float, str):
        raise InputError(f"--set={name}: set its parts, as {name}.part=value")
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise InputError(f"--set={name}={text}: must be {wanted}") from None


def _text(value: Any) -> str:
    """The inverse of `_parse`."""
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _build(kind: type[Settings], data: Any) -> Settings:
    """A dataclass from what JSON made of it, checked by type."""
    hints = get_type_hints(kind)
    if not isinstance(data, Mapping) or set(data) - set(hints):
        unknown = ", ".join(sorted(set(data) - set(hints))) if isinstance(data, Mapping) else data
        raise InputError(f"configuration: unknown settings {unknown}")
    return kind(**{name: _convert(hints[name], value, name) for name, value in data.items()})


def _convert(kind: Any, value: Any, name: str) -> Any:
    if is_dataclass(kind):
        return _build(kind, value)  # type: ignore[arg-type]
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_convert(get_args(kind)[0], part, name) for part in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise InputError(f"configuration: {name} is {value!r}; it must be of type {kind.__name__}")
    return value
