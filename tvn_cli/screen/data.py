"""The terminal's view of a data set: a row a class, then what holds, then what is wrong."""

from collections.abc import Iterator

from train.data.check import DataReport, spread
from tvn_cli.screen.say import fold, say
from tvn_cli.screen.table import add_row, show, table

FEW = 10  # videos of a kind that are listed by name


def show_data(report: DataReport, verbose: bool = False) -> None:
    """Print it; of what is wrong all by name if `verbose`, else the first of each kind."""
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
    say(*_facts(report, verbose))


def _facts(report: DataReport, verbose: bool) -> Iterator[str]:
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
    too_short = f"short (fewer than {report.min_frames} frames)"
    for what, lines in {
        too_short: [f"{file.name}, {file.frames} frames" for file in report.short],
        "UNREADABLE": [f"{file.name}: {file.error}" for file in report.unreadable],
        "EMPTY CLASS": list(report.empty_classes),
    }.items():
        shown, left = fold(lines, FEW, verbose)
        yield from (f"{what}: {line}" for line in shown)
        if left:
            yield f"{what}: {left} more; --verbose lists them all"
    yield "every file can be decoded" if report.passed else "not fit for training as it is"


def _range(figures: dict[str, float], form: str = ".0f") -> str:
    """The least and the most, or one figure where they are the same."""
    if not figures:
        return "–"
    least, most = (format(figures[key], form) for key in ("minimum", "maximum"))
    return least if least == most else f"{least} to {most}"
