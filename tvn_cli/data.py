"""`tvn data`: check a data set, cache it, or generate one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from port.errors import InputError
from tvn_cli.main import required
from tvn_cli.screen.say import say, say_json

if TYPE_CHECKING:
    from train.data.check import DataReport

USAGE = (
    "tvn data check DIR [--min_frames=N] [--json]\n"
    "tvn data prepare DIR --output=CACHE [--short_side=256] [--quality=3]\n"
    "tvn data generate DIR [--classes=6] [--groups=6] [--clips=4] [--scene_only]\n\n"
    "DIR: class folders of videos (UCF50's and UCF101's among them), or a CSV of path,label,group."
)


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    number, switch = flags.DEFINE_integer, flags.DEFINE_bool
    switch("json", False, "check: print JSON", flag_values=values)
    number("workers", None, "check, prepare: threads; as many as cores if left out", lower_bound=1,
           flag_values=values)  # fmt: skip
    number("min_frames", 29, "check: videos with fewer frames are called short; tvn4's clips "
           "span 29, the other nets' fewer", lower_bound=1, flag_values=values)  # fmt: skip
    flags.DEFINE_string("output", None, "prepare: the folder of the cache", flag_values=values)
    number("short_side", 256, "prepare: pixels to which larger frames are scaled down",
           lower_bound=16, flag_values=values)  # fmt: skip
    number("quality", 3, "prepare: of the JPEGs, from 2 (best) to 31", lower_bound=2,
           upper_bound=31, flag_values=values)  # fmt: skip
    number("classes", 6, "generate: how many", lower_bound=1, flag_values=values)
    number("groups", 6, "generate: groups of each class", lower_bound=1, flag_values=values)
    number("clips", 4, "generate: clips of each group", lower_bound=1, flag_values=values)
    number("frames", 40, "generate: frames of each clip", lower_bound=1, flag_values=values)
    number("seed", 0, "generate: of all draws", lower_bound=0, flag_values=values)
    switch("scene_only", False, "generate: let scenes tell the class, and figures nothing",
           flag_values=values)  # fmt: skip


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Do what the first argument says."""
    tasks = {"check": _check, "prepare": _prepare, "generate": _generate}
    if len(arguments) != 2 or arguments[0] not in tasks:
        raise InputError(f"data takes {', '.join(tasks)} and a folder: tvn data check DIR")
    return tasks[arguments[0]](values, Path(arguments[1]))


def _check(values: flags.FlagValues, path: Path) -> int:
    from train.data.check import check_videos
    from train.data.videos import read_videos

    videos = read_videos(path)
    with _progress("reading", len(videos.videos)) as advance:
        report = check_videos(videos, values.min_frames, values.workers, lambda _: advance())
    if values.json:
        say_json(report.to_json(), 1)
    else:
        _print(report)
    return 0 if report.passed else 1


def _prepare(values: flags.FlagValues, path: Path) -> int:
    from train.data.cache import write_cache
    from train.data.videos import read_videos

    required(values, "output")
    videos = read_videos(path)
    with _progress("caching", len(videos.videos)) as advance:
        report = write_cache(
            videos,
            Path(values.output),
            values.short_side,
            values.quality,
            values.workers,
            lambda _: advance(),
        )
    for failed in report.failed:
        say(f"not decoded, and not in the cache: {failed}")
    say(
        f"{values.output}: {report.written} videos written, {report.kept} there already, "
        f"{report.size / 1e6:.1f} MB; use it as --data={values.output}"
    )
    return 1 if report.failed else 0


def _generate(values: flags.FlagValues, path: Path) -> int:
    from train.data.generated import write_generated

    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: there already; name a folder that is new or empty")
    write_generated(
        path,
        classes=values.classes,
        groups=values.groups,
        clips=values.clips,
        frames=values.frames,
        seed=values.seed,
        scene_only=values.scene_only,
    )
    say(f"{path}: {values.classes * values.groups * values.clips} videos written")
    return 0


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], Any]]:
    """A progress bar; call what it gives after each file."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.update(task, advance=1)


def _print(report: "DataReport") -> None:
    from train.data.check import spread
    from tvn_cli.screen.table import add_row, show, table

    shown = table("class", "videos", "groups", "clips a group", "frames", "seconds")
    for name in report.class_names:
        groups = report.clips_by_group(name)
        own = [file for file in report.readable if file.class_name == name]
        add_row(
            shown,
            name,
            sum(groups.values()),
            len(groups) - ("" in groups),
            _range(spread(list(groups.values()))),
            _range(spread([file.frames for file in own])),
            _range(spread([file.seconds for file in own]), ".1f"),
        )
    show(shown)
    say(*_facts(report))


def _facts(report: "DataReport") -> Iterator[str]:
    """What holds for the data set as a whole, then what is wrong with it, by name."""
    summary = report.summary()
    yield (
        f"{summary['root']}: {len(report.files)} videos of {len(report.class_names)} classes and "
        f"{summary['groups']} groups (form: {report.form}), {summary['hours']:.2f} hours"
    )
    for what in ("sizes", "frame_rates", "codecs"):
        counts = list(summary[what].items())
        told = ", ".join(f"{value} ({count})" for value, count in counts[:8])
        more = f" and {len(counts) - 8} others" if len(counts) > 8 else ""
        yield f"{what.replace('_', ' ')}: {told}{more}"
    if summary["overstated"]:
        yield f"{summary['overstated']} files say they have more frames than can be decoded"
    for file in report.short:
        yield f"short (fewer than {report.min_frames} frames): {file.name}, {file.frames} frames"
    for file in report.unreadable:
        yield f"UNREADABLE: {file.name}: {file.error}"
    for name in report.empty_classes:
        yield f"EMPTY CLASS: {name}"
    yield "every file can be decoded" if report.passed else "not fit for training as it is"


def _range(figures: dict[str, float], form: str = ".0f") -> str:
    """The least and the most, or one figure where they are the same."""
    if not figures:
        return "–"
    least, most = (format(figures[key], form) for key in ("minimum", "maximum"))
    return least if least == most else f"{least} to {most}"
