"""Videos appear whole or not at all."""

import resource
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from port.errors import InputError
from tests.train.media import RATE, all_frames, pictures
from train.data.encoding import write_video


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "mpeg4"), (".mp4", "libx264")])
def test_every_frame_is_written_and_odd_sizes_made_even(
    suffix: str, codec: str, tmp_path: Path
) -> None:
    path = tmp_path / f"v{suffix}"
    assert write_video(path, pictures(9, 65, 47), Fraction(25), codec) == 9
    assert all_frames(path).shape == (9, 46, 64, 3)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(InputError, match=r"v.avi: cannot be written"):
            write_video(tmp_path / "v.avi", pictures(30, 320, 240), RATE, "mpeg4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not list(tmp_path.iterdir())


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[np.ndarray]:
        yield from pictures(3)
        raise KeyError("broken")

    with pytest.raises(KeyError):
        write_video(tmp_path / "v.avi", breaking(), RATE, "mpeg4")
    with pytest.raises(InputError, match="no frames"):
        write_video(tmp_path / "v.avi", [], RATE, "mpeg4")
    assert not list(tmp_path.iterdir())


def test_a_name_of_no_container_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"v.gif: expected a name that ends in .avi"):
        write_video(tmp_path / "v.gif", pictures(2), RATE, "mpeg4")
