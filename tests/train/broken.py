"""The ways in which video files are broken, each as a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.train.media import RECIPES, encode, write_sound

NOBODY = 65534
UCF = RECIPES["as UCF's"]
# What a decoder can make nothing of, by the reason that is given.
HOPELESS = {
    "empty.avi": "Invalid data",
    "header only.avi": "Invalid data",
    "text.avi": "Invalid data",
    "playlist.avi": "Invalid data",
    "cut.mp4": "Invalid data",
    "sound only.avi": "no video stream",
    "dangling.avi": "a link to nothing",
    "pipe.avi": "a pipe",
    "absent.avi": "no such file",
}
# What frames can be had of, by how many.
ODD = {
    "cut.avi": None,  # as many as came before the cut
    "one frame.avi": 1,
    "wide.avi": 6,
    "1 fps.avi": 8,
    "240 fps.avi": 8,
    "späce, ‘näme’ 日本 %d.avi": 8,
}


def write_hopeless(folder: Path) -> list[Path]:
    """Files of which not one frame can be had."""
    sound = encode(folder / "sound.avi", UCF).read_bytes()
    mp4 = encode(folder / "cut.mp4", RECIPES["H.264"])
    mp4.write_bytes(mp4.read_bytes()[: mp4.stat().st_size // 2])  # what describes it is at its end
    (folder / "sound.avi").unlink()
    (folder / "empty.avi").write_bytes(b"")
    (folder / "header only.avi").write_bytes(sound[:200])
    (folder / "text.avi").write_text("This is no video.\n" * 99)
    (folder / "playlist.avi").write_text("#EXTM3U\n#EXTINF:10,\nhttp://localhost:9/a.ts\n")
    write_sound(folder / "sound only.avi")
    (folder / "dangling.avi").symlink_to(folder / "nowhere.avi")
    os.mkfifo(folder / "pipe.avi")
    return [folder / name for name in HOPELESS]


def write_odd(folder: Path) -> list[Path]:
    """Files that look strange and can be decoded."""
    whole = encode(folder / "cut.avi", UCF, width=160, height=120).read_bytes()
    (folder / "cut.avi").write_bytes(whole[: len(whole) // 2])
    encode(folder / "one frame.avi", UCF, frames=1)
    encode(folder / "wide.avi", UCF, frames=6, width=4096, height=16)
    encode(folder / "1 fps.avi", UCF, frames=8, rate=1)
    encode(folder / "240 fps.avi", UCF, frames=8, rate=240)
    encode(folder / list(ODD)[-1], UCF, frames=8)
    return [folder / name for name in ODD]


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Take all rights to `path` away; root, who needs none, is nobody for that while."""
    user = os.geteuid()
    # Nobody has to get as far as the path itself.
    parents = path.parents if user == 0 else []
    modes = {path: 0} | {parent: parent.stat().st_mode | 0o555 for parent in parents}
    before = {path: path.stat().st_mode for path in modes}
    try:
        for changed, mode in modes.items():
            changed.chmod(mode)
        os.seteuid(NOBODY if user == 0 else user)
        yield
    finally:
        os.seteuid(user)
        for changed, mode in before.items():
            changed.chmod(mode)
