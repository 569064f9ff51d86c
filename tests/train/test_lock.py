"""A run's folder is one process's at a time, and anybody's once that process is gone."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from port.errors import InputError
from tests.train.processes import FORK, finish, together
from tests.train.tiny import ALONE, assert_same_bits, engine, tiny_config
from train.data.videos import VideoSet
from train.distributed import World
from train.finetune import finetune
from train.lock import NAME, locked
from train.mounts import why_locks_stay_here


def hold(folder: Path, ready: Any) -> None:
    with locked(folder, ALONE):
        worker = FORK.Process(target=time.sleep, args=(60,))  # as a data worker is forked
        worker.start()
        os.kill(worker.pid, signal.SIGSTOP)
        ready.put(worker.pid)
        time.sleep(60)


def test_the_second_process_is_told_who_is_there_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    ready = FORK.Queue()
    holder = FORK.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    worker = ready.get(timeout=60)
    try:
        for _ in range(2):  # to be refused takes nothing away
            with (
                pytest.raises(InputError, match=rf"{tmp_path}: .* process {holder.pid} on .*--run"),
                locked(tmp_path, ALONE),
            ):
                pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        with locked(tmp_path, ALONE):  # though its worker, which is stopped, lives on
            assert str(os.getpid()) in (tmp_path / NAME).read_text()
    finally:
        os.kill(worker, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_a_process_keeps_itself_out_too(tmp_path: Path) -> None:
    with locked(tmp_path, ALONE):
        for _ in range(2):
            with pytest.raises(InputError, match=str(os.getpid())), locked(tmp_path, ALONE):
                pass
    with locked(tmp_path, ALONE):
        pass


def test_a_folder_made_for_nothing_is_removed_again(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "run", ALONE):
        assert (tmp_path / "new" / "run").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_in_turn_but_never_together(tmp_path: Path) -> None:
    """Many try at once, again and again, where each removes the file that it locked."""
    entered = tmp_path / "entered"

    def try_often(queue: Any) -> None:
        times = 0
        while times < 40:
            try:
                with locked(tmp_path, ALONE):
                    os.close(os.open(entered, os.O_CREAT | os.O_EXCL))  # nobody else is in
                    entered.unlink()
                    times += 1
            except InputError:
                pass
        queue.put(times)

    queue = FORK.Queue()
    started = [FORK.Process(target=try_often, args=(queue,)) for _ in range(4)]
    for process in started:
        process.start()
    assert [queue.get(timeout=60) for _ in started] == [40] * 4
    assert finish(started) == [0] * 4


@pytest.mark.parametrize("kind", ["a pipe", "a link", "a folder"])
def test_a_lock_file_that_is_something_else_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / NAME
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link":
        (tmp_path / "victim").write_text("precious")
        path.symlink_to(tmp_path / "victim")
    else:
        path.mkdir()
    with pytest.raises(InputError, match="--run cannot be written"), locked(tmp_path, ALONE):
        pass
    if kind == "a link":
        assert (tmp_path / "victim").read_text() == "precious"


def test_a_run_is_refused_while_it_goes_on_and_ends_undisturbed(
    videos: VideoSet, tmp_path: Path
) -> None:
    config, whole, run = tiny_config(tmp_path), tmp_path / "whole", tmp_path / "run"
    assert engine(config, videos, whole).train()
    asked = iter(range(1000))

    def intrude() -> bool:
        if next(asked) == 3:
            queue = FORK.Queue()

            def second(world: World, queue: Any) -> None:
                finetune(config, videos, run, world)

            started = together(1, second, queue)
            assert "a run is going on there, by process" in queue.get(timeout=60)
            assert finish(started) == [2]
        return False

    assert finetune(config, videos, run, ALONE, stopping=intrude) is not None
    assert_same_bits(run, whole)
    assert next(asked) > 3


def test_the_first_of_several_processes_locks_for_all(tmp_path: Path) -> None:
    """All of a run of two are in at once; of a second one all are refused in the same words."""
    queue, told = FORK.Queue(), FORK.Queue()
    go_on = FORK.Event()

    def hold_together(world: World, queue: Any) -> None:
        with locked(tmp_path, world):
            queue.put(os.getpid())
            go_on.wait(60)

    def intrude(world: World, queue: Any) -> None:
        with locked(tmp_path, world):
            pass

    first = together(2, hold_together, queue)
    assert {queue.get(timeout=60), queue.get(timeout=60)} == {p.pid for p in first}
    second = together(2, intrude, told)
    messages = {told.get(timeout=60), told.get(timeout=60)}
    assert finish(second) == [2, 2]
    assert len(messages) == 1
    assert f"process {first[0].pid}" in messages.pop()
    go_on.set()
    assert finish(first) == [0, 0]


TABLE = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / {home} rw shared:2 - {kind} server:/home {options}
31 22 0:41 / /other rw - fuse.sshfs other: rw
"""


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("ext4", "rw", None),
        ("overlay", "rw", None),
        ("nfs4", "rw,vers=4.2,local_lock=none", None),
        ("nfs", "rw,vers=3,local_lock=flock", None),  # of flock alone
        ("nfs", "rw,vers=3,nolock,local_lock=all", "nfs mounted with nolock"),
        ("nfs4", "rw,local_lock=posix", "nfs4 mounted with local_lock=posix"),
        ("cifs", "rw,nobrl", "cifs mounted with nobrl"),
        ("lustre", "rw,flock", None),
        ("lustre", "rw,localflock", "lustre mounted with localflock"),
        ("fuse.sshfs", "rw", "fuse.sshfs"),
        ("fuse.unheard-of", "rw", "fuse.unheard-of"),
        ("fuse.fuse-overlayfs", "rw", None),
        ("fuseblk", "rw", None),
    ],
)
def test_where_locks_stay_on_one_machine_is_known(
    kind: str, options: str, reason: str | None, tmp_path: Path
) -> None:
    home = tmp_path / "my home"
    (home / "run").mkdir(parents=True)
    shown = str(home).replace(" ", r"\040")
    table = TABLE.format(home=shown, kind=kind, options=options)
    assert why_locks_stay_here(home / "run", table) == reason
    assert why_locks_stay_here(tmp_path, table) is None


def test_there_a_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 22 0:40 / {tmp_path} rw - fuse.sshfs server: rw\n")
    monkeypatch.setattr("train.mounts.MOUNTS", mounts)
    run = tmp_path / "run"
    with pytest.raises(InputError, match=r"run: --run lies on fuse\.sshfs"), locked(run, ALONE):
        pass
    assert not run.exists()
