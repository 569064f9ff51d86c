"""Training and test share no video and, but for the random split, no group."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import InputError
from tests.train.data.test_videos import touch, ucf101
from train.config import SCHEMES
from train.data.splits import fold_count, split
from train.data.videos import Video, VideoSet, read_videos


@st.composite
def grouped(draw: st.DrawFn) -> VideoSet:
    """Classes of any numbers of groups and clips, as UCF50 has them; each class in each group."""
    classes, groups = draw(st.integers(1, 4)), draw(st.integers(2, 27))
    videos = tuple(
        Video(Path(f"/d/{c}/v_{c}_g{g:02d}_c{k:02d}.avi"), c, f"g{g:02d}")
        for c in range(classes)
        for g in range(1, groups + 1)
        for k in range(draw(st.integers(1, 4)))
    )
    return VideoSet(Path("/d"), "ucf", tuple("abcd"[:classes]), videos)


@given(grouped(), st.sampled_from(["groups", "leave_one_group_out"]))
def test_by_group_every_video_is_tested_once_and_no_group_is_on_both_sides(
    videos: VideoSet, scheme: str
) -> None:
    tested: list[Video] = []
    for fold in range(fold_count(videos, scheme)):
        one = split(videos, scheme, fold)
        assert not {v.group for v in one.train} & {v.group for v in one.test}
        assert sorted(map(str, one.train + one.test)) == sorted(map(str, videos.videos))
        assert not one.leaks
        tested += one.test
    assert sorted(map(str, tested)) == sorted(map(str, videos.videos))


def test_ucf50s_groups_make_five_folds_of_five_or_twenty_five_of_one() -> None:
    videos = full()
    assert (fold_count(videos, "groups"), fold_count(videos, "leave_one_group_out")) == (5, 25)
    for scheme, groups in (("groups", 5), ("leave_one_group_out", 1)):
        assert len({v.group for v in split(videos, scheme, 3).test}) == groups


def full() -> VideoSet:
    """One class of 25 groups with 4 clips each."""
    files = [(g, k) for g in range(1, 26) for k in range(4)]
    videos = tuple(Video(Path(f"/d/a/v_a_g{g:02d}_c{k}.avi"), 0, f"g{g:02d}") for g, k in files)
    return VideoSet(Path("/d"), "ucf", ("a",), videos)


def test_a_random_split_says_that_it_leaks_and_depends_on_the_seed() -> None:
    videos = full()
    folds = [split(videos, "random", fold, seed=3) for fold in range(fold_count(videos, "random"))]
    assert all(one.leaks and "leaks" in one.description for one in folds)
    assert sorted(str(v) for one in folds for v in one.test) == sorted(map(str, videos.videos))
    assert folds[0] == split(videos, "random", 0, seed=3)
    assert folds[0].test != split(videos, "random", 0, seed=4).test


def test_official_splits_are_those_of_the_lists(tmp_path: Path) -> None:
    videos = read_videos(ucf101(tmp_path))
    assert fold_count(videos, "official") == 3
    second = split(videos, "official", 1)
    assert {v.group for v in second.train} == {"g01"}
    assert {v.group for v in second.test} == {"g08"}
    assert not second.leaks


def test_an_official_split_whose_lists_share_a_group_is_said_to_leak(tmp_path: Path) -> None:
    root = ucf101(tmp_path)
    touch(root, "UCF-101/Biking/v_Biking_g08_c02.avi")
    with (root / "ucfTrainTestlist/testlist01.txt").open("a") as file:
        file.write("Biking/v_Biking_g08_c02.avi\r\n")
    assert split(read_videos(root), "official", 0).leaks


def test_an_official_split_that_lists_absent_files_is_refused(tmp_path: Path) -> None:
    root = ucf101(tmp_path)
    (root / "UCF-101/Biking/v_Biking_g08_c01.avi").unlink()
    with pytest.raises(InputError, match=r"v_Biking_g08_c01.avi: listed in official split 1"):
        split(read_videos(root), "official", 0)


@pytest.mark.parametrize(
    ("names", "scheme", "told"),
    [
        (["A/a.avi", "B/v_B_g01_c01.avi"], "groups", "A/a.avi: its group is not known"),
        (["A/v_A_g01_c01.avi", "B/v_B_g01_c01.avi"], "groups", "group g01"),
        (["A/v_A_g01_c01.avi", "B/v_B_g02_c01.avi"], "groups", "class A: no training videos"),
        (["A/v_A_g01_c01.avi", "B/x.txt"], "random", "B: a class without videos"),
        (["A/v_A_g01_c01.avi"], "official", "no official splits"),
        (["A/v_A_g01_c01.avi"], "alphabetical", "--split=alphabetical"),
    ],
)
def test_what_cannot_be_split_is_refused_with_the_reason(
    names: list[str], scheme: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        split(read_videos(touch(tmp_path, *names)), scheme, 0)


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_is_not_there_is_refused(fold: int) -> None:
    with pytest.raises(InputError, match=f"--fold={fold}"):
        split(full(), "groups", fold)


def test_every_scheme_is_known() -> None:
    assert set(SCHEMES) == {"groups", "leave_one_group_out", "official", "random"}
