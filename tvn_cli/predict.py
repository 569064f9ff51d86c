"""`tvn predict`: what a trained net says of videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import DEVICES, Flags
from tvn_cli.screen.say import complain, say, say_json

if TYPE_CHECKING:
    from train.predict import Classifier, Timeline

USAGE = """tvn predict (--run=RUN | --weights=W.safetensors) VIDEO… [--json]
            [--timeline=FILE.svg|png] [--annotate=OUT.mp4]"""


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.run_and_weights()
    flags.text("weights", "a weights file in place of a run")
    flags.number("clips", "evenly spaced clips of a video to average", 5)
    flags.choice("crops", ("1", "3"), "crops of a clip to average")
    flags.number("top", "classes to name", 5)
    flags.switch("json", "print a JSON object a line, one for each video")
    flags.text("timeline", "slide a window over the video and plot the classes over time into this "
               "file")  # fmt: skip
    flags.text("annotate", "slide a window over the video and write a copy of it with the classes "
               "in its frames")  # fmt: skip
    flags.number("step", "frames from one window to the next", 8)
    flags.choice("device", DEVICES, "where to compute")
    flags.engine("auto")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Predict; a video that cannot be decoded is named, and the others go on."""
    if not arguments:
        raise InputError("predict takes videos: tvn predict --run=RUN VIDEO…")
    if (values.run is None) == (values.weights is None):
        raise InputError("either --run or --weights must be given; see --help")
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


def _check_outputs(values: FlagValues, videos: Sequence[str]) -> None:
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


def _classifier(values: FlagValues) -> "Classifier":
    from train.predict import load_classifier
    from train.run import Run

    if values.weights is not None:
        return load_classifier(Path(values.weights), values.device, engine=values.engine)
    run = Run.open(Path(values.run))
    pooled = run.config.max_pool_predictions
    return load_classifier(run.weights(values.which), values.device, pooled, values.engine)


def _predict(values: FlagValues, classifier: "Classifier", path: Path) -> None:
    from train.data.videos import shown
    from train.predict import classify, timeline
    from tvn_cli.screen.predictions import show_answer

    odds = classify(classifier, path, values.clips, int(values.crops))
    answer: dict[str, Any] = {
        "video": shown(path),
        "top": [{"class": c, "probability": p} for c, p in classifier.ranked(odds, values.top)],
    }
    slides = values.timeline or values.annotate
    if course := timeline(classifier, path, values.step) if slides else None:
        answer["timeline"] = course.to_dicts()
    if values.json:
        say_json(answer)
    else:
        show_answer(answer)
    if course:
        _write(values, course, path)


def _write(values: FlagValues, course: "Timeline", path: Path) -> None:
    from train.annotate import write_annotated
    from train.data.videos import shown
    from train.timeline_plot import draw_timeline

    told = []
    if values.timeline:
        draw_timeline(course, shown(path.name), Path(values.timeline))
        told.append(f"{values.timeline}: {len(course.starts)} windows plotted")
    if values.annotate:
        frames = write_annotated(course, path, Path(values.annotate))
        told.append(f"{values.annotate}: {frames} frames written")
    if not values.json:
        say(*told)
