"""A small generated data set, written once."""

from pathlib import Path

import pytest

from train.data.generated import write_generated
from train.data.videos import VideoSet, read_videos


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of three groups of two short clips, in UCF50's form."""
    root = tmp_path_factory.mktemp("generated") / "videos"
    write_generated(root, classes=3, groups=3, clips=2, frames=12, width=64, height=48)
    return root


@pytest.fixture(scope="session")
def videos(data: Path) -> VideoSet:
    """The same, read."""
    return read_videos(data)
