"""Dividing videos into training and test.

Clips of one group share scene and actors. Where one group is on both sides, a net that remembers
the scene passes the test without knowing the action: a random split leaks, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from port.errors import InputError
from train.config import SCHEMES
from train.data.videos import Video, VideoSet, natural, shown

FOLDS = 5
LEAK = (
    "this split leaks: clips of one group are on both sides, so that remembering a scene counts "
    "as recognising an action"
)


@dataclass(frozen=True)
class Split:
    """One way of dividing. `leaks`: clips of one scene may be on both sides."""

    train: tuple[Video, ...]
    test: tuple[Video, ...]
    scheme: str
    fold: int
    leaks: bool
    description: str


def fold_count(videos: VideoSet, scheme: str) -> int:
    """How many folds the scheme has here; folds are numbered from 0.

    Raises:
        InputError: the videos do not have what the scheme needs.
    """
    _check_classes(videos)
    if scheme == "random":
        return FOLDS
    if scheme == "official":
        if not videos.official:
            raise InputError(
                f"{videos.root}: no official splits; put trainlist01.txt, testlist01.txt and "
                "classInd.txt beside the class folders, or choose another --split"
            )
        return len(videos.official)
    if scheme not in SCHEMES:
        raise InputError(f"--split={scheme}: no such way; there are {', '.join(SCHEMES)}")
    groups = len(_groups(videos))
    return groups if scheme == "leave_one_group_out" else min(FOLDS, groups)


def split(videos: VideoSet, scheme: str, fold: int, seed: int = 0) -> Split:
    """One fold.

    Args:
        videos: the data set.
        scheme: one of `SCHEMES`.
        fold: from 0; with "official" fold 0 is split 1.
        seed: which random split; the others do not depend on it.

    Raises:
        InputError: there is no such fold, or a class would have nothing to train on.
    """
    folds = fold_count(videos, scheme)
    if not 0 <= fold < folds:
        raise InputError(f"--fold={fold}: --split={scheme} has folds 0 to {folds - 1} here")
    if scheme == "official":
        return _official(videos, fold)
    if scheme == "random":
        test = _random_test(videos, fold, seed)
        description = f"random, fold {fold} of {folds}, seed {seed}"
    else:
        groups = _groups(videos)
        held = set(groups[fold::folds])
        test = {video for video in videos.videos if video.group in held}
        shown_groups = " ".join(sorted(held, key=natural))
        description = f"{scheme}, fold {fold} of {folds}; groups of the test: {shown_groups}"
    train = [video for video in videos.videos if video not in test]
    rest = [video for video in videos.videos if video in test]
    return _checked(videos, train, rest, scheme, fold, description)


def _groups(videos: VideoSet) -> list[str]:
    """All groups in natural order; a fold takes every fifth, so each class spreads evenly."""
    for video in videos.videos:
        if not video.group:
            raise InputError(
                f"{shown(video.path)}: its group is not known, and splitting by group needs every "
                "one; name files v_CLASS_gGG_cCC, list groups in a CSV, or choose --split=random"
            )
    groups = sorted({video.group for video in videos.videos}, key=natural)
    if len(groups) < 2:
        raise InputError(
            f"{videos.root}: all videos are of group {groups[0]}; splitting by group needs two"
        )
    return groups


def _random_test(videos: VideoSet, fold: int, seed: int) -> set[Video]:
    """A fifth of each class."""
    test: set[Video] = set()
    for label in range(len(videos.class_names)):
        own = [video for video in videos.videos if video.label == label]
        order = np.random.default_rng((seed, label)).permutation(len(own))
        test |= {own[index] for index in order[fold::FOLDS]}
    return test


def _official(videos: VideoSet, fold: int) -> Split:
    number = sorted(videos.official)[fold]
    train, test = videos.official[number]
    by_name = {videos.name(video): video for video in videos.videos}
    absent = sorted((train | test) - by_name.keys())
    if absent:
        raise InputError(
            f"{videos.root / shown(absent[0])}: listed in official split {number} but not there "
            f"({len(absent)} such files)"
        )
    if both := sorted(train & test):
        raise InputError(f"{shown(both[0])}: on both sides of official split {number}")

    def pick(names: frozenset[str]) -> list[Video]:
        return [video for name, video in by_name.items() if name in names]

    left = len(by_name) - len(train) - len(test)
    description = f"official split {number}" + (f"; {left} videos in neither list" if left else "")
    return _checked(videos, pick(train), pick(test), "official", fold, description)


def _check_classes(videos: VideoSet) -> None:
    if empty := videos.empty_classes():
        where = shown(videos.root / empty[0])
        raise InputError(f"{where}: a class without videos; fill the folder or take it away")


def _checked(
    videos: VideoSet,
    train: Sequence[Video],
    test: Sequence[Video],
    scheme: str,
    fold: int,
    description: str,
) -> Split:
    """The split, unless a class cannot be learnt or nothing is tested; told whether it leaks."""
    learnt = {video.label for video in train}
    for label, name in enumerate(videos.class_names):
        if label not in learnt:
            raise InputError(
                f"class {name}: no training videos in {description}; give it more groups or take "
                "it away"
            )
    if not test:
        raise InputError(f"{videos.root}: no test videos in {description}")
    shared = {video.group for video in train} & {video.group for video in test}
    # An unknown group is shared for all one knows; the authors of official lists knew.
    leaks = bool(shared if scheme == "random" else shared - {""})
    description += f"; {LEAK}" if leaks else ""
    return Split(tuple(train), tuple(test), scheme, fold, leaks, description)
