"""Files appear whole or not at all, and nothing is left behind, whatever happens meanwhile."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from port import atomic
from port.atomic import name_meanwhile, writing
from port.errors import InputError

NOBODY = 65534


@pytest.fixture(params=["unnamed", "named"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Files without a name meanwhile, and with one, where the system has no others."""
    if request.param == "named":
        monkeypatch.setattr(atomic, "_open_unnamed", lambda folder: None)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("the system has no files without a name")
    return str(request.param)


@contextmanager
def nobody_s(folder: Path) -> Iterator[None]:
    """Root, who may write anywhere, is nobody for that while, and the folder is nobody's."""
    user, before = os.geteuid(), {path: path.stat().st_mode for path in folder.parents}
    try:
        if user == 0:
            os.chown(folder, NOBODY, NOBODY)
            for path in before:
                path.chmod(before[path] | 0o555)
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)
        for path, mode in before.items():
            if path.stat().st_mode != mode:
                path.chmod(mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_at_the_end_with_the_usual_rights(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    mask = os.umask(0o027)
    try:
        for content in (b"one", b"another"):
            before = path.read_bytes() if path.exists() else None
            with writing(path) as file:
                file.write(content)
                assert (path.read_bytes() if path.exists() else None) == before
                file.flush()
                assert Path(name_meanwhile(file)).read_bytes() == content
            assert path.read_bytes() == content
            assert path.stat().st_mode & 0o777 == 0o640
            assert names(tmp_path) == ["file"]
    finally:
        os.umask(mask)


def test_what_fails_leaves_what_was_there(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), writing(path) as file:
        file.write(b"after")
        raise ZeroDivisionError
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written"), writing(tmp_path / "folder") as file:
        file.write(b"after")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_that_becomes_read_only_meanwhile_is_told(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with nobody_s(folder):
        with (
            pytest.raises(InputError, match=r"file: cannot be written \(Permission denied\)"),
            writing(folder / "file") as file,
        ):
            file.write(b"content")
            folder.chmod(0o555)
        left = names(folder)
        with pytest.raises(InputError, match=r"\(Permission denied\)"), writing(folder / "file"):
            pass
        folder.chmod(0o755)
    assert (left == []) == (kind == "unnamed")


def test_a_process_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with writing(tmp_path / "file") as file:
            file.write(b"content" * 100_000)
            os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=write)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert names(tmp_path) == []
