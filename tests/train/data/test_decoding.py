"""The frame of an index is the one that decoding from the start gives, pixel for pixel."""

import os
import re
from pathlib import Path

import av
import numpy as np
import pytest

from tests.train.broken import HOPELESS, ODD, unreadable, write_hopeless, write_odd
from tests.train.media import (
    RATE,
    RECIPES,
    Recipe,
    all_frames,
    encode,
    pack,
    pictures,
    real_clip_files,
    real_clips,
)
from train.data.container import Undecodable, open_video
from train.data.decoding import read_all, read_frames

LOSSLESS = Recipe(".mkv", "ffv1", pixel_format="bgr0")


@pytest.fixture(scope="module", params=[*RECIPES, "packed DivX"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(re.sub(r"\W", "_", request.param))
    if request.param == "packed DivX":
        source = Recipe(".avi", "mpeg4", {"g": "12", "bf": "1"})
        return pack(encode(folder / "source.avi", source), folder / "packed.avi")
    recipe = RECIPES[request.param]
    return encode(folder / f"v{recipe.suffix}", recipe)


def test_packed_divx_is_the_trap_that_it_is_known_to_be(tmp_path: Path) -> None:
    """It says two frames too many, and seeking by time stamps lands one to three frames off."""
    source = encode(tmp_path / "s.avi", Recipe(".avi", "mpeg4", {"g": "12", "bf": "1"}))
    path, truth = pack(source, tmp_path / "v.avi"), all_frames(source)
    assert np.array_equal(all_frames(path), truth)
    misses = set()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.frames == len(truth) + 2
        for index in range(4, 40):
            container.seek(index, stream=stream)
            frames = (f for f in container.decode(stream) if f.pts is not None and f.pts >= index)
            found = next(frames).to_ndarray(format="rgb24")
            misses |= {index - i for i, frame in enumerate(truth) if np.array_equal(frame, found)}
    assert {1, 2, 3} <= misses


def test_every_clip_of_every_codec_has_the_right_frames(video: Path) -> None:
    truth = all_frames(video)
    for start in range(len(truth)):
        for stride in (1, 4):
            indices = _clip(start, stride, len(truth))
            assert np.array_equal(read_frames(video, lambda _, i=indices: i), truth[indices])


@real_clips
def test_real_clips_have_the_right_frames() -> None:
    for path in real_clip_files():
        truth = all_frames(path)
        for start in np.random.default_rng(0).integers(0, len(truth), 6):
            indices = _clip(int(start), 4, len(truth))
            got = read_frames(path, lambda _, i=indices: i)
            assert np.array_equal(got, truth[indices]), (path.name, indices)


@real_clips
def test_real_clips_that_say_too_many_frames_are_looped_where_they_end() -> None:
    for path in real_clip_files():
        truth = all_frames(path)
        assert np.array_equal(read_frames(path, _looped)[-2:], truth[[-1, 0]]), path.name


def test_a_video_is_looped_where_it_ends_and_not_where_it_says(video: Path) -> None:
    truth = all_frames(video)
    got = read_frames(video, _looped)
    assert np.array_equal(got[-2:], truth[[-1, 0]])


def test_a_cut_file_has_the_frames_before_the_cut(tmp_path: Path) -> None:
    whole = encode(tmp_path / "v.avi", RECIPES["as UCF's"], width=160, height=120)
    truth, data = all_frames(whole), whole.read_bytes()
    for share in (0.6, 0.75, 0.9):
        whole.write_bytes(data[: int(share * len(data))])
        got = read_frames(whole, range)
        assert 2 < len(got) < len(truth)
        assert np.array_equal(got[:-1], truth[: len(got) - 1])  # the last may itself be cut
        last = read_frames(whole, lambda count: [count - 1])
        assert np.array_equal(last, got[-1:])


@pytest.mark.parametrize("name", HOPELESS)
def test_what_is_no_video_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    write_hopeless(tmp_path)
    with pytest.raises(Undecodable, match=HOPELESS[name]):
        read_frames(tmp_path / name, range)


@pytest.mark.parametrize("name", ODD)
def test_what_is_only_odd_is_decoded(name: str, tmp_path: Path) -> None:
    write_odd(tmp_path)
    truth = all_frames(tmp_path / name)
    assert ODD[name] in (None, len(truth))
    assert np.array_equal(read_frames(tmp_path / name, lambda _: [len(truth) - 1]), truth[-1:])


def test_a_name_that_is_no_utf8_is_no_obstacle(tmp_path: Path) -> None:
    data = encode(tmp_path / "v.avi", RECIPES["as UCF's"], frames=2).read_bytes()
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin\xe9.avi"))
    path.write_bytes(data)
    assert len(read_frames(path, range)) == 2


def test_a_file_that_may_not_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", RECIPES["as UCF's"], frames=2)
    with unreadable(path), pytest.raises(Undecodable, match="Permission denied"):
        read_frames(path, range)


def test_a_name_that_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(tmp_path / "http:v.avi", RECIPES["as UCF's"], frames=2)
    monkeypatch.chdir(tmp_path)
    assert len(read_frames(Path("http:v.avi"), range)) == 2


def test_all_frames_come_in_order_at_their_times(video: Path) -> None:
    times, frames = zip(*read_all(video), strict=True)
    assert np.array_equal(np.stack(frames), all_frames(video))
    steps = np.diff(times) * float(RATE)
    if "gap" not in str(video):
        assert np.allclose(steps, 1, atol=0.05)  # Matroska counts milliseconds
    assert times[0] == 0


def test_a_damaged_frame_is_left_out(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", RECIPES["AVI of JPEGs"], frames=8)
    data, truth = path.read_bytes(), all_frames(path)
    # Eight bytes in front of each are the container's.
    third, fourth = [match.start() for match in re.finditer(b"\xff\xd8\xff", data)][2:4]
    path.write_bytes(data[:third] + bytes(fourth - 8 - third) + data[fourth - 8 :])
    assert np.array_equal(read_frames(path, range), np.delete(truth, 2, axis=0))


def test_metadata_that_is_no_text_is_no_obstacle(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", RECIPES["as UCF's"], frames=2, title="QQQQ")
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path))
    assert len(read_frames(path, range)) == 2


def test_colours_are_those_that_were_encoded(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mkv", LOSSLESS, frames=3)
    assert np.array_equal(read_frames(path, lambda _: [0, 1, 2]), np.stack(list(pictures(3))))


def test_what_a_telephone_filmed_upright_is_upright(tmp_path: Path) -> None:
    clockwise = [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30]
    path = encode(tmp_path / "v.mp4", RECIPES["H.264"], frames=3, display_matrix=clockwise)
    turned = np.rot90(all_frames(path), -1, (1, 2))
    assert np.array_equal(read_frames(path, range), turned)


def test_one_thread_decodes(tmp_path: Path) -> None:
    with open_video(encode(tmp_path / "v.mp4", RECIPES["H.264"])) as (_, stream):
        assert stream.codec_context.thread_count == 1


def _looped(count: int) -> list[int]:
    return [0, count - 1, 0]


def _clip(start: int, stride: int, count: int) -> list[int]:
    return [i for i in range(start, start + 4 * stride, stride) if i < count]
