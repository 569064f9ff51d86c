"""Which videos a data set holds, of which class each is, and which of them share a scene.

Four forms are read: UCF50's (`Class/v_Class_gGG_cCC.avi`), UCF101's with its official splits, any
other folder of class folders, and a CSV of path, label, group.
"""

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from port.errors import InputError
from port.text import visible
from port.untrusted import MIB, read_text

SUFFIXES = frozenset(".3gp .avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .ogv .ts .webm .wmv".split())
# `v_Biking_g07_c02`; what stands before need not be the class's name, and often is not.
GROUP = re.compile(r"_g(\d+)(?=_|\.|$)")
OFFICIAL_LISTS = "ucfTrainTestlist"  # the folder that UCF101's archive of splits unpacks to
LISTING = "videos.csv"  # a folder with this file in it is read as that CSV
COLUMNS = ("path", "label", "group")
LISTING_BYTES = 32 * MIB  # the field's longest list has 650,000 videos, at some 45 bytes a line
MOST_VIDEOS = 1_000_000
NAME_LENGTH = 255  # of a class or a group, which may be a folder's name and part of a file's


@dataclass(frozen=True, slots=True)
class Video:
    """One file. Videos of one `group` share scene and actors; "" where no group is known."""

    path: Path
    label: int
    group: str


@dataclass(frozen=True)
class VideoSet:
    """A data set.

    `form` is "ucf", "ucf101", "folders" or "csv". `official` maps the number of an official split
    to the names of its training and test videos; names are paths relative to `root`.
    """

    root: Path
    form: str
    class_names: tuple[str, ...]
    videos: tuple[Video, ...]
    official: Mapping[int, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def name(self, video: Video) -> str:
        """The video's path relative to the root, with forward slashes."""
        return Path(os.path.relpath(video.path, self.root)).as_posix()

    def empty_classes(self) -> list[str]:
        """The names of the classes without a video."""
        used = {video.label for video in self.videos}
        return [name for label, name in enumerate(self.class_names) if label not in used]


def read_videos(path: str | Path) -> VideoSet:
    """List the videos of a folder or a CSV file; none is opened.

    Raises:
        InputError: there is no such data set, or it holds no videos; names the file at fault.
    """
    path = Path(path)
    try:
        if path.is_file():
            return _from_csv(path)
        if not path.is_dir():
            raise InputError(f"{path}: neither a folder of class folders nor a CSV file")
        if (path / LISTING).is_file():
            return _from_csv(path / LISTING)
        return _from_folders(path)
    except OSError as error:
        raise InputError(f"{shown(error.filename)}: cannot be read ({error.strerror})") from None


def group_of(path: Path) -> str:
    """The group that a file's name states ("g07"), or ""."""
    numbers = GROUP.findall(path.name)
    return f"g{_value(numbers[-1]):0>2}" if numbers else ""


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts g9 before g10, and 9 before 10, however many digits there are."""
    parts = re.split(r"(\d+)", text)
    values = ((_value(part), part) for part in parts)
    key = tuple((len(v), v) if part.isdecimal() else (-1, part) for v, part in values)
    return (*key, (-2, text))  # so that 7 and 07 have an order, too


def _value(digits: str) -> str:
    """Without zeros in front; as text, since Python makes no number of thousands of digits."""
    return digits.lstrip("0") or "0"


def shown(path: Path | str) -> str:
    """The path as `visible` shows it, read as UTF-8 whatever the system's encoding."""
    try:
        return visible(os.fsencode(path).decode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # a lone surrogate, which stands for no byte
        return visible(path)


def _from_folders(path: Path) -> VideoSet:
    lists = _official_lists(path)
    root = _class_root(path, lists)
    folders = _class_folders(root, lists)
    class_names = tuple(folders)
    if lists is None and (beside := _lists_beside(root, class_names)):
        lists = beside
    if lists:
        class_names = _official_classes(lists / "classInd.txt")
    labels = _labels(root, folders, class_names)
    videos = tuple(
        Video(file, labels[name], group_of(file))
        for name, folder in folders.items()
        for file in _video_files(folder)
    )
    if not videos:
        raise InputError(f"{root}: no videos in its class folders ({' '.join(sorted(SUFFIXES))})")
    if lists:
        names = [file.path.relative_to(root).as_posix() for file in videos]
        return VideoSet(root, "ucf101", class_names, videos, _official_splits(lists, names))
    form = "ucf" if all(video.group for video in videos) else "folders"
    return VideoSet(root, form, class_names, videos)


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _class_root(path: Path, lists: Path | None) -> Path:
    """Where the class folders are: here, or one deeper, where an archive brought its own folder."""
    inside = [entry for entry in _entries(path) if entry.is_dir() and entry != lists]
    if len(inside) == 1 and any(entry.is_dir() for entry in _entries(inside[0])):
        return path if any(_video_files(inside[0], deep=False)) else inside[0]
    return path


def _class_folders(root: Path, lists: Path | None) -> dict[str, Path]:
    """The class folders by name, in alphabetical order."""
    entries = [entry for entry in _entries(root) if entry != lists]
    for entry in entries:
        if entry.is_symlink() and not entry.exists():
            raise InputError(f"{shown(entry)}: a link to nothing; fix or remove it")
    folders = {entry.name: entry for entry in entries if entry.is_dir()}
    if not folders:
        raise InputError(f"{root}: holds no class folders; expected {root}/CLASS/VIDEO.avi")
    return folders


def _video_files(folder: Path, deep: bool = True) -> Iterator[Path]:
    """The videos in a folder, and in folders inside it; links to nothing are among them."""

    def stop(error: OSError) -> None:
        raise error

    for where, below, names in os.walk(folder, onerror=stop):
        below[:] = sorted(below) if deep else []
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(where, name)


def _labels(root: Path, folders: Mapping[str, Path], class_names: Sequence[str]) -> dict[str, int]:
    """The label of each folder; lists of classes and folders may differ in case."""
    known = {name.lower(): label for label, name in enumerate(class_names)}
    exact = {name: label for label, name in enumerate(class_names)}
    for name in folders:
        if name not in exact and name.lower() not in known:
            raise InputError(f"{shown(root / name)}: a folder of no class in classInd.txt")
    return {name: exact.get(name, known.get(name.lower(), -1)) for name in folders}


def _official_lists(path: Path) -> Path | None:
    """The folder of UCF101's lists, where it is part of the data."""
    for folder in (path, path / OFFICIAL_LISTS):
        if (folder / "classInd.txt").is_file():
            return folder
    return None


def _lists_beside(root: Path, folders: Sequence[str]) -> Path | None:
    """UCF101's lists beside the data, if they are this data's: UCF50 may stand there too."""
    lists = root.absolute().parent / OFFICIAL_LISTS
    if not (lists / "classInd.txt").is_file():
        return None
    listed = {name.lower() for name in _official_classes(lists / "classInd.txt")}
    return lists if listed == {name.lower() for name in folders} else None


def _official_classes(path: Path) -> tuple[str, ...]:
    """`classInd.txt`: lines of a number from 1 and a name. The numbers give the order."""
    classes: dict[int, str] = {}
    for number, line in _lines(path):
        fields = line.split(maxsplit=1)
        known = len(fields) == 2 and fields[0].isdecimal() and len(fields[0]) < 10
        if not known or int(fields[0]) in classes:
            start = line[:NAME_LENGTH]
            raise InputError(f"{path} line {number}: expected a new number and a name: {start!r}")
        _check_length(path, number, fields[1])
        classes[int(fields[0])] = fields[1].strip()
    if sorted(classes) != list(range(1, len(classes) + 1)):
        raise InputError(f"{path}: the numbers of the classes do not run from 1 without a gap")
    return tuple(classes[number] for number in sorted(classes))


def _official_splits(
    lists: Path, names: Sequence[str]
) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
    """`trainlist01.txt` and `testlist01.txt` and so on, their names as they are on this disk."""
    on_disk = {name.lower(): name for name in names} | {name: name for name in names}

    def read(path: Path) -> frozenset[str]:
        if not path.is_file():
            raise InputError(f"{path}: missing; training and test lists come in pairs")
        # A line of a training list ends in the number of the class, which the folder says too.
        listed = [re.sub(r"\s+\d+$", "", line) for _, line in _lines(path)]
        return frozenset(on_disk.get(n, on_disk.get(n.lower(), n)) for n in listed)

    splits = {}
    for path in sorted(lists.glob("trainlist*.txt")):
        number = path.stem.removeprefix("trainlist")
        if number.isdecimal() and len(number) < 10:
            splits[int(number)] = (read(path), read(lists / f"testlist{number}.txt"))
    return splits


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers; of any kind of line ending."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def _check_length(path: Path, line: int, *names: str) -> None:
    for name in names:
        if len(name) > NAME_LENGTH:
            raise InputError(
                f"{path} line {line}: the name of a class or group has {len(name):,} characters; "
                f"at most {NAME_LENGTH}"
            )


def _text(path: Path) -> str:
    return read_text(path, LISTING_BYTES, "a list of videos")


def _from_csv(path: Path) -> VideoSet:
    """Rows of path, label and, where known, group; paths are relative to the CSV's folder."""
    rows: dict[str, tuple[str, str]] = {}
    try:
        for number, row in enumerate(csv.reader(_text(path).splitlines()), start=1):
            cells = [cell.strip() for cell in row]
            header = number == 1 and tuple(c.lower() for c in cells) == COLUMNS[: len(cells)]
            if header or not any(cells):
                continue
            if len(cells) not in (2, 3) or not all(cells[:2]):
                raise InputError(f"{path} line {number}: expected path,label or path,label,group")
            if cells[0] in rows:
                raise InputError(f"{path} line {number}: {cells[0]} is listed twice")
            if len(rows) == MOST_VIDEOS:
                raise InputError(f"{path}: lists over {MOST_VIDEOS:,} videos; divide it")
            _check_length(path, number, *cells[1:])
            rows[cells[0]] = (cells[1], cells[2] if len(cells) == 3 else "")
    except csv.Error as error:  # such as a cell of over 131,072 characters
        raise InputError(f"{path}: no CSV ({error})") from None
    if not rows:
        raise InputError(f"{path}: lists no videos; expected lines of path,label,group")
    class_names = tuple(sorted({label for label, _ in rows.values()}, key=natural))
    labels = {name: label for label, name in enumerate(class_names)}
    root = path.absolute().parent
    videos = tuple(Video(root / file, labels[name], group) for file, (name, group) in rows.items())
    return VideoSet(root, "csv", class_names, videos)
