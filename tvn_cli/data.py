"""`tvn data`: check a data set, cache it, or generate one."""

from collections.abc import Sequence
from pathlib import Path

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import required
from tvn_cli.screen.progress import count_files
from tvn_cli.screen.say import say, say_json

USAGE = (
    "tvn data check DIR [--min_frames=N] [--json]\n"
    "tvn data prepare DIR --output=CACHE [--short_side=256] [--quality=3]\n"
    "tvn data generate DIR [--classes=6] [--groups=6] [--clips=4] [--scene_only]\n\n"
    "DIR: class folders of videos (UCF50's and UCF101's among them), or a CSV of path,label,group."
)


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.switch("json", "check: print JSON")
    flags.verbose("check: list every video that is short or cannot be read")
    flags.number("workers", "check, prepare: threads; as many as cores if left out")
    flags.number("min_frames", "check: videos with fewer frames are called short; tvn4's clips "
                 "span 29, the other nets' fewer", 29)  # fmt: skip
    flags.text("output", "prepare: the folder of the cache")
    flags.number("short_side", "prepare: pixels to which larger frames are scaled down", 256,
                 least=16)  # fmt: skip
    flags.number("quality", "prepare: of the JPEGs, from 2 (best) to 31", 3, least=2, most=31)
    flags.number("classes", "generate: how many", 6)
    flags.number("groups", "generate: groups of each class", 6)
    flags.number("clips", "generate: clips of each group", 4)
    flags.number("frames", "generate: frames of each clip", 40)
    flags.number("seed", "generate: of all draws", 0, least=0)
    flags.switch("scene_only", "generate: let scenes tell the class, and figures nothing")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Do what the first argument says."""
    tasks = {"check": _check, "prepare": _prepare, "generate": _generate}
    if len(arguments) != 2 or arguments[0] not in tasks:
        raise InputError(f"data takes {', '.join(tasks)} and a folder: tvn data check DIR")
    return tasks[arguments[0]](values, Path(arguments[1]))


def _check(values: FlagValues, path: Path) -> int:
    from train.data.check import check_videos
    from train.data.videos import read_videos
    from tvn_cli.screen.data import show_data

    videos = read_videos(path)
    with count_files("reading", len(videos.videos)) as advance:
        report = check_videos(videos, values.min_frames, values.workers, lambda _: advance())
    if values.json:
        say_json(report.to_json(), 1)
    else:
        show_data(report, values.verbose)
    return 0 if report.passed else 1


def _prepare(values: FlagValues, path: Path) -> int:
    from train.data.cache import write_cache
    from train.data.videos import read_videos

    required(values, "output")
    videos = read_videos(path)
    with count_files("caching", len(videos.videos)) as advance:
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


def _generate(values: FlagValues, path: Path) -> int:
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
