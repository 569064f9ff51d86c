"""Every form of a data set is read as its authors meant it; what is wrong is refused by name."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import InputError
from tests.train.broken import unreadable
from train.data.videos import VideoSet, group_of, natural, read_videos, shown


def touch(root: Path, *names: str) -> Path:
    """Files that only have names: listing opens none."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def rows(videos: VideoSet) -> set[tuple[str, str, str]]:
    return {(videos.name(v), videos.class_names[v.label], v.group) for v in videos.videos}


def test_ucf50_takes_the_class_from_the_folder_and_the_group_from_the_name(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "PullUps/v_Pullup_g01_c01.avi",
        "Billiards/v_Billards_g25_c07.avi",
        "Billiards/v_Billards_g131_c01.avi",
        "Billiards/Thumbs.db",
        "Billiards/._v_Billards_g01_c01.avi",
        "readme.txt",
    )
    videos = read_videos(tmp_path)
    assert (videos.form, videos.class_names) == ("ucf", ("Billiards", "PullUps"))
    assert rows(videos) == {
        ("PullUps/v_Pullup_g01_c01.avi", "PullUps", "g01"),
        ("Billiards/v_Billards_g25_c07.avi", "Billiards", "g25"),
        ("Billiards/v_Billards_g131_c01.avi", "Billiards", "g131"),
    }


def test_the_folder_above_the_one_an_archive_brought_is_as_good(tmp_path: Path) -> None:
    touch(tmp_path, "UCF50/A/v_A_g01_c01.avi", "UCF50/B/v_B_g01_c01.avi")
    assert read_videos(tmp_path) == read_videos(tmp_path / "UCF50")


def ucf101(root: Path) -> Path:
    """UCF101's ways: numbers of classes that skip about, CRLF, a name that differs in case."""
    names = [
        "UCF-101/HandstandPushups/v_HandStandPushups_g01_c01.avi",
        "UCF-101/HandstandPushups/v_HandStandPushups_g08_c01.avi",
        "UCF-101/Biking/v_Biking_g01_c01.avi",
        "UCF-101/Biking/v_Biking_g08_c01.avi",
    ]
    touch(root, *names)
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_bytes(b"1 HandstandPushups\r\n2 Biking\r\n")
    for number, (train, test) in enumerate([("08", "01"), ("01", "08"), ("08", "01")], start=1):
        (lists / f"trainlist{number:02d}.txt").write_bytes(
            f"HandstandPushups/v_HandstandPushups_g{train}_c01.avi 1\r\n"
            f"Biking/v_Biking_g{train}_c01.avi 2\r\n\r\n".encode()
        )
        (lists / f"testlist{number:02d}.txt").write_bytes(
            f"HandstandPushups/v_HandStandPushups_g{test}_c01.avi\r\n"
            f"Biking/v_Biking_g{test}_c01.avi\r\n".encode()
        )
    return root


@pytest.mark.parametrize("inside", ["", "UCF-101"])
def test_ucf101_has_its_classes_in_official_order_and_its_official_splits(
    inside: str, tmp_path: Path
) -> None:
    videos = read_videos(ucf101(tmp_path) / inside)
    assert (videos.form, videos.class_names) == ("ucf101", ("HandstandPushups", "Biking"))
    assert {videos.class_names[v.label] for v in videos.videos if "Hand" in str(v.path)} == {
        "HandstandPushups"
    }
    train = {"HandstandPushups/v_HandStandPushups_g08_c01.avi", "Biking/v_Biking_g08_c01.avi"}
    test = {name.replace("g08", "g01") for name in train}
    assert videos.official == {1: (train, test), 2: (test, train), 3: (train, test)}


def test_lists_beside_another_data_set_are_not_its_lists(tmp_path: Path) -> None:
    root = ucf101(tmp_path)
    touch(root, "UCF50/Biking/v_Biking_g01_c01.avi", "UCF50/PullUps/v_Pullup_g01_c01.avi")
    assert read_videos(root / "UCF50").form == "ucf"
    assert read_videos(root / "UCF-101").form == "ucf101"


def test_a_folder_that_is_named_in_another_case_is_its_class(tmp_path: Path) -> None:
    root = ucf101(tmp_path)
    (root / "UCF-101/HandstandPushups").rename(root / "UCF-101/HandStandPushups")
    videos = read_videos(root)
    assert {v.label for v in videos.videos if "Hand" in v.path.name} == {0}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"1 A\r\n1 B\r\n", "line 2"),
        (b"1 HandstandPushups\r\n3 Biking\r\n", "without a gap"),
        (b"Biking\r\n", "line 1"),
        (b"1 HandstandPushups\r\n", "Biking"),
        (b"\xff\xfe", "text"),
    ],
)
def test_a_bad_list_of_classes_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    root = ucf101(tmp_path)
    (root / "ucfTrainTestlist/classInd.txt").write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_videos(root)


def test_any_folder_of_class_folders_will_do(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "walk the dog/été 1.MP4",
        "walk the dog/deep/in it/b.webm",
        "日本/c.mov",
        "x/d.avi",
    )
    videos = read_videos(tmp_path)
    assert (videos.form, videos.class_names) == ("folders", ("walk the dog", "x", "日本"))
    assert rows(videos) == {
        ("walk the dog/été 1.MP4", "walk the dog", ""),
        ("walk the dog/deep/in it/b.webm", "walk the dog", ""),
        ("日本/c.mov", "日本", ""),
        ("x/d.avi", "x", ""),
    }


def test_links_are_followed_and_links_to_nothing_kept_to_be_reported(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/A/a.avi", "data/B/b.avi")
    (tmp_path / "data/A").symlink_to(tmp_path / "elsewhere/A")
    (tmp_path / "data/B/dangling.avi").symlink_to(tmp_path / "nowhere.avi")
    assert {name for name, _, _ in rows(read_videos(tmp_path / "data"))} == {
        "A/a.avi",
        "B/b.avi",
        "B/dangling.avi",
    }


def test_names_that_are_no_utf8_are_listed_and_can_be_shown(tmp_path: Path) -> None:
    touch(tmp_path, "A/a.avi", "B/b.avi")
    (tmp_path / "B").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9"))
    assert {shown(name) for name, _, _ in rows(read_videos(tmp_path))} == {
        "A/a.avi",
        r"\xe9t\xe9/b.avi",
    }


def test_a_csv_gives_path_label_and_group(tmp_path: Path) -> None:
    listing = tmp_path / "list.csv"
    listing.write_bytes(
        b'\xef\xbb\xbfpath,label,group\r\n"a, b.avi",10,anna\r\nsub/c.avi, 9 ,\r\n/d.avi,9,ben\r\n'
    )
    videos = read_videos(listing)
    assert (videos.form, videos.root, videos.class_names) == ("csv", tmp_path, ("9", "10"))
    assert [(v.path, v.label, v.group) for v in videos.videos] == [
        (tmp_path / "a, b.avi", 1, "anna"),
        (tmp_path / "sub/c.avi", 0, ""),
        (Path("/d.avi"), 0, "ben"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lists no videos"),
        ("path,label\n", "lists no videos"),
        ("a.avi;x;g\n", "line 1"),
        ("a.avi,x\nb.avi,\n", "line 2"),
        ("a.avi,x\na.avi,y\n", "line 2: a.avi is listed twice"),
        ("a.avi,x,g,h\n", "line 1"),
        (f"a.avi,x\nb.avi,{'7' * 5000}\n", "line 2: .* 5,000 characters; at most 255"),
        (f"a.avi,x,{'g' * 256}\n", "line 1: .* 256 characters"),
        (f"a.avi,{'x' * 200_000}\n", "no CSV"),
    ],
)
def test_a_bad_csv_is_refused_by_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=told) as refusal:
        read_videos(tmp_path / "list.csv")
    assert "list.csv" in str(refusal.value)


def test_a_class_without_videos_is_known_as_empty(tmp_path: Path) -> None:
    touch(tmp_path, "A/a.avi", "B/notes.txt")
    assert read_videos(tmp_path).empty_classes() == ["B"]


def test_no_data_set_is_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            read_videos(path)
    touch(tmp_path, "A/notes.txt")
    with pytest.raises(InputError, match="no videos"):
        read_videos(tmp_path)


def test_a_class_folder_that_is_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "A/a.avi")
    (tmp_path / "B").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="B: a link to nothing"):
        read_videos(tmp_path)


def test_a_class_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "A/a.avi", "B/b.avi")
    with unreadable(tmp_path / "B"), pytest.raises(InputError, match="B: cannot be read"):
        read_videos(tmp_path)


@given(st.integers(0, 10**6), st.integers(0, 99), st.sampled_from(["", "_g", "_g1x", "_good_99"]))
def test_the_group_is_the_last_number_after_g(group: int, clip: int, name: str) -> None:
    assert group_of(Path(f"v_A{name}_g{group}_c{clip:02d}.avi")) == f"g{group:02d}"
    assert group_of(Path(f"v_A{name}_c{clip:02d}.avi")) == ""


def test_numbers_of_thousands_of_digits_are_numbers() -> None:
    """Of which Python makes none."""
    long, longer = "9" * 5000, "1" + "0" * 5000
    assert sorted([longer, long, "07", "7", "10"], key=natural) == ["07", "7", "10", long, longer]
    assert group_of(Path(f"v_A_g000{long}_c01.avi")) == f"g{long}"


def test_more_videos_than_any_data_set_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.data.videos.MOST_VIDEOS", 2)
    (tmp_path / "list.csv").write_text("a.avi,x\nb.avi,y\n")
    assert len(read_videos(tmp_path / "list.csv").videos) == 2
    (tmp_path / "list.csv").write_text("a.avi,x\nb.avi,y\nc.avi,y\n")
    with pytest.raises(InputError, match="lists over 2 videos"):
        read_videos(tmp_path / "list.csv")


@pytest.mark.parametrize("number", ["1" * 5000, "0" * 9 + "1", "-1", "1.5"])
def test_a_class_of_an_absurd_number_is_refused(number: str, tmp_path: Path) -> None:
    touch(tmp_path, "A/a.avi")
    (tmp_path / "classInd.txt").write_text(f"{number} A\n")
    with pytest.raises(InputError, match="line 1: expected a new number") as refusal:
        read_videos(tmp_path)
    assert len(str(refusal.value)) < 500


@given(st.lists(st.integers(0, 10**6)))
def test_numbers_in_names_sort_as_numbers(numbers: list[int]) -> None:
    assert sorted((f"g{n}" for n in numbers), key=natural) == [f"g{n}" for n in sorted(numbers)]
