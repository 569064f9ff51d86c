"""`tvn predict`: what a trained net says of videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from port.errors import InputError
from tvn_cli.screen.say import complain, say, say_json

if TYPE_CHECKING:
    from train.predict import Classifier, Timeline

USAGE = (
    "tvn predict (--run=RUN | --weights=W.safetensors) VIDEO… [--json]\n"
    "            [--timeline=FILE.svg|png] [--annotate=OUT.mp4]"
)


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    text("run", None, "a run of `tvn finetune`", flag_values=values)
    flags.DEFINE_enum("which", "last", ["last", "best"], "of the run's weights",
                      flag_values=values)  # fmt: skip
    text("weights", None, "a weights file in place of a run", flag_values=values)
    number("clips", 5, "evenly spaced clips of a video to average", lower_bound=1,
           flag_values=values)  # fmt: skip
    flags.DEFINE_enum("crops", "1", ["1", "3"], "crops of a clip to average", flag_values=values)
    number("top", 5, "classes to name", lower_bound=1, flag_values=values)
    flags.DEFINE_bool("json", False, "print a JSON object a line, one for each video",
                      flag_values=values)  # fmt: skip
    text("timeline", None, "slide a window over the video and plot the classes over time into "
         "this file", flag_values=values)  # fmt: skip
    text("annotate", None, "slide a window over the video and write a copy of it with the classes "
         "in its frames", flag_values=values)  # fmt: skip
    number("step", 8, "frames from one window to the next", lower_bound=1, flag_values=values)
    flags.DEFINE_enum("device", "auto", ["auto", "cpu", "cuda"], "where to compute",
                      flag_values=values)  # fmt: skip


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Predict; a video that cannot be decoded is named, and the others go on."""
    if not arguments:
        raise InputError("predict takes videos: tvn predict --run=RUN VIDEO…")
    _check_outputs(values, arguments)
    classifier = _classifier(values)
    status = 0
    for argument in arguments:
        try:
            _predict(values, classifier, Path(argument))
        except InputError as error:
            if len(arguments) == 1:
                raise
            complain(str(error))
            status = 2
    return status


def _check_outputs(values: flags.FlagValues, videos: Sequence[str]) -> None:
    """What is wrong with the request is said before the work."""
    from train.data.encoding import FORMATS
    from train.timeline_plot import check_suffix

    if (values.timeline or values.annotate) and len(videos) > 1:
        raise InputError("--timeline and --annotate take one video at a time")
    for flag in ("timeline", "annotate"):
        path = values[flag].value
        if path and not Path(path).parent.is_dir():
            raise InputError(f"--{flag}={path}: there is no folder {Path(path).parent}")
    if values.timeline:
        check_suffix(Path(values.timeline))
    if values.annotate and Path(values.annotate).suffix.lower() not in FORMATS:
        raise InputError(f"--annotate={values.annotate}: must end in {' or '.join(FORMATS)}")


def _classifier(values: flags.FlagValues) -> "Classifier":
    from train.predict import load_classifier
    from train.run import Run

    if (values.run is None) == (values.weights is None):
        raise InputError("either --run or --weights must be given; see --help")
    if values.weights is not None:
        return load_classifier(Path(values.weights), values.device)
    run = Run.open(Path(values.run))
    pooled = run.config.max_pool_predictions
    return load_classifier(run.weights(values.which), values.device, pooled)


def _predict(values: flags.FlagValues, classifier: "Classifier", path: Path) -> None:
    from train.data.videos import shown
    from train.predict import classify, timeline

    odds = classify(classifier, path, values.clips, int(values.crops))
    answer: dict[str, Any] = {
        "video": shown(path),
        "top": [{"class": c, "probability": p} for c, p in classifier.ranked(odds, values.top)],
    }
    course = None
    if values.timeline or values.annotate:
        course = timeline(classifier, path, values.step)
        answer["timeline"] = [
            {"start": start, "end": end, "class": name, "probability": probability}
            for start, end, name, probability in course.segments()
        ]
    if values.json:
        say_json(answer)
    else:
        _print(answer)
    if course is not None:
        _write(values, course, path)


def _write(values: flags.FlagValues, course: "Timeline", path: Path) -> None:
    from train.data.videos import shown

    told = []
    if values.timeline:
        from train.timeline_plot import draw_timeline

        draw_timeline(course, shown(path.name), Path(values.timeline))
        told.append(f"{values.timeline}: {len(course.starts)} windows plotted")
    if values.annotate:
        from train.annotate import write_annotated

        frames = write_annotated(course, path, Path(values.annotate))
        told.append(f"{values.annotate}: {frames} frames written")
    if not values.json:
        say(*told)


def _print(answer: dict[str, Any]) -> None:
    from rich.text import Text

    from tvn_cli.screen.table import add_row, show, table

    shown = table("class", "probability", "")
    shown.columns[-1].justify = "left"
    for row in answer["top"]:
        bar = Text("█" * round(20 * row["probability"]), "blue")
        add_row(shown, row["class"], f"{row['probability']:.4f}", bar)
    say(answer["video"])
    show(shown)
    for segment in answer.get("timeline", []):
        span = f"{segment['start']:8.2f} to {segment['end']:7.2f} s"
        say(f"{span}  {segment['class']}  {segment['probability']:.2f}")
