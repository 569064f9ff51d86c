"""The generated data set is a real one, and its scenes tell the class only if they shall."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from port.errors import InputError
from tests.train.media import all_frames
from train.data.container import open_video
from train.data.decoding import read_frames
from train.data.generated import LOOKS, write_generated
from train.data.splits import split
from train.data.videos import Video, VideoSet, read_videos


@pytest.fixture(scope="module", params=[False, True], ids=["figures tell", "scenes tell"])
def scene_only(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def videos(scene_only: bool, tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    root = tmp_path_factory.mktemp("generated")
    write_generated(root, classes=4, groups=5, clips=4, frames=12, scene_only=scene_only)
    return read_videos(root)


def test_it_has_ucf50s_form_and_files(videos: VideoSet) -> None:
    assert videos.form == "ucf"
    assert videos.class_names == tuple(LOOKS)[:4]
    assert len(videos.videos) == 4 * 5 * 4
    assert {v.group for v in videos.videos} == {"g01", "g02", "g03", "g04", "g05"}
    with open_video(videos.videos[0].path) as (container, stream):
        assert container.format.name == "avi"
        assert (stream.codec_context.name, stream.codec_tag) == ("mpeg4", "XVID")
        assert (stream.width, stream.height, stream.frames) == (160, 120, 12)
        assert stream.average_rate == Fraction(30000, 1001)
        assert not stream.codec_context.has_b_frames


def test_figures_move_and_scenes_stand_still(videos: VideoSet) -> None:
    for video in videos.videos[::7]:
        frames = all_frames(video.path).astype(int)
        assert np.abs(frames[0] - frames[6]).max() > 80
        corners = frames[:, :8, :8]
        assert np.abs(corners - corners[0]).max() < 30  # what the encoder makes of them


@pytest.mark.parametrize("scheme", ["random", "groups"])
def test_scenes_tell_the_class_only_where_they_shall_and_only_if_the_split_leaks(
    scheme: str, videos: VideoSet, scene_only: bool
) -> None:
    """By the nearest scene, told from the four corners of a frame."""
    one = split(videos, scheme, 0)
    known = np.stack([scene(video) for video in one.train])
    right = [
        one.train[np.abs(known - scene(video)).sum(1).argmin()].label == video.label
        for video in one.test
    ]
    assert one.leaks == (scheme == "random")
    if scene_only and one.leaks:
        assert np.mean(right) > 0.95
    else:
        assert np.mean(right) < 0.6  # of four classes


def scene(video: Video) -> np.ndarray:
    """The colours of the corners."""
    frame = read_frames(video.path, lambda _: [0])[0].astype(int)
    return np.stack([frame[y, x] for y in (4, -4) for x in (4, -4)]).ravel()


def test_a_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_generated(tmp_path / name, classes=1, groups=1, clips=1, frames=3, seed=seed)
    first, again, other = (
        next((tmp_path / name).rglob("*.avi")).read_bytes() for name in ("a", "b", "c")
    )
    assert first == again != other


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="looks for 1 to"):
        write_generated(tmp_path, classes=99)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        write_generated(tmp_path / "file", classes=1)
