"""Pipes, sockets, devices, files of the system, endless ones: refused by each flag of each command.

Also where such a file stands in a folder, or beside the file, that a flag names. The answer is
status 2 and one line, soon and in little memory, and nothing is written.
"""

import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType

import pytest
from absl import flags

from port.convert.weights import load_weights
from tests.port.special import SPECIAL, make_special
from tests.train.media import RECIPES, encode
from tests.train.two_colours import write_red_or_blue
from tests.tvn_cli.run import tvn
from train.config import Config
from train.data.splits import split
from train.data.videos import read_videos
from train.run import Run
from tvn_cli.flags import Flags
from tvn_cli.main import COMMANDS

SECONDS, BYTES = 10, 2 << 30
# Flags that are strings and no paths, or paths of what is written.
OTHERS = {
    "prefix",
    "output",
    "report",
    "json",
    "junit",
    "timeline",
    "annotate",
    "preset",
    "split",
    "budget",
}
OTHERS |= {"device", "keep"}
# What a special file may be a link to, beside what is a link already.
LINKED = ("pipe", "socket", "sparse", "folder")


@dataclass(frozen=True)
class Case:
    """A command, and the file of its input that is special: `{name}` is a path in `Inputs`."""

    command: str
    special: str
    told: int = 2  # the exit status; 1 where a report names the file among others


# By the flag, or by what is in the folder that it names.
CASES = {
    "convert --source": Case("convert --source={new} --output={out}/w.safetensors", "new"),
    "convert --source, npz": Case("convert --source={new}.npz --output={out}/w", "new.npz"),
    "convert --source, pb": Case("convert --source={new}.pb --output={out}/w", "new.pb"),
    "convert --source, tar": Case("convert --source={new}.tar --output={out}/w", "new.tar"),
    "convert --source, index": Case("convert --source={new} --output={out}/w", "new.index"),
    "convert --source, shard": Case(
        "convert --model={net} --source={checkpoint}/c --output={out}/w",
        "checkpoint/c.data-00000-of-00001",
    ),
    "convert --source, state": Case(
        "convert --source={checkpoint} --output={out}/w", "checkpoint/checkpoint"
    ),
    "convert --source, model": Case(
        "convert --source={saved} --output={out}/w", "saved/variables/variables.index"
    ),
    "convert --model": Case(
        "convert --model={new} --source={checkpoint}/c --output={out}/w", "new"
    ),
    "convert --class_names": Case(
        "convert --model={net} --source={checkpoint}/c --class_names={new} --output={out}/w", "new"
    ),
    "convert back --source": Case("convert --to_tensorflow --source={new} --output={out}/w", "new"),
    "convert back, certificate": Case(
        "convert --to_tensorflow --source={w}.safetensors --output={out}/w", "w.certificate.json"
    ),
    "inspect PATH": Case("inspect {new}", "new"),
    "inspect PATH, index": Case("inspect {new}.index", "new.index"),
    "verify --model": Case("verify --model={new} --json={out}/j", "new"),
    "verify --source": Case("verify --model={net} --source={new} --json={out}/j", "new"),
    "verify --weights": Case("verify --weights={new} --json={out}/j", "new"),
    "verify --spec": Case("verify --spec={new}.py --json={out}/j", "new.py"),
    "export --weights": Case("export --weights={new} --output={out}/m.onnx", "new"),
    "export, certificate": Case(
        "export --weights={w}.safetensors --output={out}/m.onnx", "w.certificate.json"
    ),
    "data check DIR": Case("data check {new}", "new"),
    "data check, video": Case("data check {data}", "data/a/v_a_g01_c01.avi", 1),
    "data check, names": Case("data check {data}", "data/classInd.txt"),
    "data check, table": Case("data check {data}", "data/videos.csv"),
    "data prepare DIR": Case("data prepare {new} --output={out}/cache", "new"),
    "data prepare, settings": Case("data prepare {data} --output={cache}", "cache/cache.json"),
    "finetune --data": Case("finetune --data={new} --run={out}/run --model={net}", "new"),
    "finetune --model": Case("finetune --data={data} --run={out}/run --model={new}", "new"),
    "finetune --weights": Case("finetune --data={data} --run={out}/run --weights={new}", "new"),
    "finetune, certificate": Case(
        "finetune --data={data} --run={out}/run --weights={w}.safetensors", "w.certificate.json"
    ),
    "finetune --run": Case("finetune --data={data} --run={new} --model={net}", "new"),
    "finetune, checkpoint": Case(
        "finetune --data={data} --run={run} --model=tvn1", "run/checkpoints/last.pt"
    ),
    "evaluate --run": Case("evaluate --run={new}", "new"),
    "evaluate --run, settings": Case("evaluate --run={run}", "run/config.json"),
    "evaluate --run, record": Case("evaluate --run={run}", "run/record.json"),
    "evaluate --run, weights": Case("evaluate --run={run} --data={data}", "run/last.safetensors"),
    "evaluate --data": Case("evaluate --run={run} --data={new} --output={out}/test", "new"),
    "predict --run": Case("predict --run={new} {video}", "new"),
    "predict --run, weights": Case("predict --run={run} {video}", "run/last.safetensors"),
    "predict --weights": Case("predict --weights={new} {video}", "new"),
    "predict VIDEO": Case(
        "predict --weights={w}.safetensors {new}.avi --annotate={out}/a.mp4", "new.avi"
    ),
    "measure-verifier --run": Case("measure-verifier --run={new} --only=pairs", "new"),
}
# A folder is what is asked for there, or is looked into.
FOLDERS = {"finetune --run", "measure-verifier --run", "data check, video"}
# What is no file there is passed over: the folder has no such table or state.
OPTIONAL = {"data check, names", "data check, table", "convert --source, state"}
FILES = ("sparse", "proc", "endless_proc", "memory")  # what a look takes for a file
# What is not there is no checkpoint, and a run begins.
STARTS = {"finetune, checkpoint"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, genotype_file: Path) -> Path:
    """Sound files of all kinds that the commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("data/a", "data/b", "saved/variables", "cache", "checkpoint", "run"):
        (folder / name).mkdir(parents=True)
    for kind in ("index", "data-00000-of-00001"):
        shutil.copy(f"{checkpoint}.{kind}", folder / f"checkpoint/c.{kind}")
        shutil.copy(f"{checkpoint}.{kind}", folder / f"saved/variables/variables.{kind}")
    (folder / "saved/saved_model.pb").touch()
    shutil.copy(genotype_file, folder / "net")
    for label in "ab":
        for group in "123":
            path = folder / f"data/{label}/v_{label}_g0{group}_c01.avi"
            encode(path, RECIPES["as UCF's"], frames=4)
    shutil.copy(folder / "data/a/v_a_g02_c01.avi", folder / "video")
    loaded = load_weights(write_red_or_blue(folder / "w.safetensors"))
    config, videos, net = Config(model="tvn1"), read_videos(folder / "data"), loaded.build()
    parts = split(videos, config.split, config.fold, config.seed)
    run = Run.new(
        folder / "run",
        config,
        videos,
        parts,
        net,
        {"weights": None, "verification": {"verified": True}},
    )
    run.write()
    run.save_weights("last", net, {})
    return folder


@pytest.fixture
def own(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them, and folders: `out` for what is written, one for what does not stay."""
    shutil.copytree(inputs, tmp_path / "in")
    for name in ("out", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def arguments(case: Case, own: Path) -> list[str]:
    """The command's, every `{name}` a path."""
    names = ("new", "net", "checkpoint", "saved", "w", "data", "run", "cache", "video")
    places = {name: str(own / "in" / name) for name in names} | {"out": str(own / "out")}
    return [word.format(**places) for word in case.command.split()]


def kinds(name: str) -> Iterator[tuple[str, bool]]:
    """What a case is tried with: each kind, and links to those that are none yet."""
    for kind in FILES if name in OPTIONAL else SPECIAL:
        absent = kind in ("loop", "dangling") and name in STARTS
        if not absent and (kind != "folder" or name not in FOLDERS):
            yield kind, False
            if kind in LINKED:
                yield kind, True


def test_every_flag_that_is_a_path_has_a_case() -> None:
    named = {word for case in CASES.values() for word in _flags(case) if "{new}" in word[2]}
    for verb in COMMANDS:
        values = flags.FlagValues()
        import_module(f"tvn_cli.{verb.replace('-', '_')}").define(Flags(values))
        paths = {name for name in values if values[name].flag_type() == "string"} - OTHERS
        assert paths == {flag for command, flag, _ in named if command == verb and flag}, verb


def _flags(case: Case) -> Iterator[tuple[str, str, str]]:
    """Verb, flag (nothing for a plain argument) and value of all words of a command."""
    verb, *words = case.command.split()
    for word in words:
        flag, equals, value = word.removeprefix("--").partition("=")
        yield (verb, flag, value) if equals else (verb, "", word)


@pytest.mark.parametrize("name", CASES)
def test_special_files_are_refused(
    name: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    path = own / "in" / case.special
    sound = path.read_bytes() if path.is_file() else None
    for kind, linked in kinds(name):
        path.unlink(missing_ok=True)
        make_special(kind, path, linked)
        before = _listing(own)
        with limits():
            done = tvn(capsys, *arguments(case, own))
        where = (kind, linked, done)
        assert done.status == case.told, where
        if case.told == 2:
            assert len(done.err.splitlines()) == 1, where
            assert path.stem in done.err, where
        else:
            assert path.name in done.out, where
        assert _listing(own) == before, where
        _remove(path)
        _remove(path.with_name(f"{path.name}.target"))
    if sound is not None:
        path.write_bytes(sound)


def _listing(own: Path) -> set[Path]:
    """All that there is, but for what torch makes when it is imported."""
    return {path for path in own.rglob("*") if not path.name.startswith("torchinductor")}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@contextmanager
def limits() -> Iterator[None]:
    """Stops what takes too long, and gives no more memory than is allowed beyond what is used."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"over {SECONDS} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = signal.signal(signal.SIGALRM, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("pipe", "convert --source"), ("sparse", "verify --model"), ("zeros", "predict --weights")],
)
def test_a_process_of_its_own_refuses_them_too(kind: str, name: str, own: Path) -> None:
    make_special(kind, own / "in/new")
    command = [sys.executable, "-m", "tvn_cli", *arguments(CASES[name], own)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1
    assert list((own / "out").iterdir()) == []
