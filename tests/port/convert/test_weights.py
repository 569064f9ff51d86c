"""Weights files keep everything, refuse what is not theirs, and appear whole or not at all."""

import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from port import InputError, load_weights, save_weights
from port.atomic import write_text, writing
from port.convert.weights import Entry, Weights, stream_weights
from tests.port.nets import small_clips, small_genotype, small_net, small_state_dict

ABOUT = {"class_names": ["a", "b", "ü", "d", "e"], "source": "TensorFlow checkpoint"}
ALIGNMENT = 64  # bytes, of the memory that PyTorch takes on a CPU


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A weights file of the small net."""
    path = tmp_path / "small.safetensors"
    save_weights(path, small_genotype(), small_state_dict(), ABOUT)
    return path


def test_a_file_gives_back_what_was_saved(path: Path) -> None:
    loaded = load_weights(path)
    assert loaded.genotype == small_genotype()
    assert loaded.about == ABOUT and loaded.num_classes == 5
    assert set(loaded.state_dict) == set(small_state_dict())
    for key, tensor in small_state_dict().items():
        assert torch.equal(loaded.state_dict[key], tensor)
    net = small_net().eval()
    net.load_state_dict(small_state_dict())
    assert torch.equal(loaded.build().eval()(small_clips()), net(small_clips()))


def test_a_loss_that_is_no_number_leaves_a_file_that_can_be_read(path: Path) -> None:
    save_weights(path, small_genotype(), small_state_dict(), {"loss": math.nan, "a": [math.inf]})
    assert load_weights(path).about == {"loss": None, "a": [None]}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_library_reads_the_same_of_any_float(tmp_path: Path, dtype: torch.dtype) -> None:
    state_dict = {key: tensor.to(dtype) for key, tensor in small_state_dict().items()}
    save_weights(tmp_path / "w", small_genotype(), state_dict)
    with safe_open(tmp_path / "w", framework="pt") as file:
        assert set(file.keys()) == set(state_dict)
        for key, tensor in state_dict.items():
            assert file.get_tensor(key).dtype == dtype
            assert torch.equal(file.get_tensor(key), tensor)


def test_integers_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="head: weights of type int64"):
        save_weights(tmp_path / "w", small_genotype(), {"head": torch.zeros(2, dtype=torch.int64)})
    assert not list(tmp_path.iterdir())


def misaligned(tensor: torch.Tensor, offset: int) -> torch.Tensor:
    """The same values, `offset` bytes past where PyTorch would have them begin."""
    memory = torch.empty(tensor.nbytes + 2 * ALIGNMENT, dtype=torch.uint8)
    start = -memory.data_ptr() % ALIGNMENT + offset
    there = memory[start : start + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
    return there.copy_(tensor)


@pytest.mark.parametrize("offset", range(8, ALIGNMENT, 8))
def test_a_net_owns_its_memory(offset: int) -> None:
    """Wherever the file has its tensors."""
    planted = {key: misaligned(tensor, offset) for key, tensor in small_state_dict().items()}
    assert {tensor.data_ptr() % ALIGNMENT for tensor in planted.values()} == {offset}
    net = Weights(small_genotype(), planted).build()
    assert {tensor.data_ptr() % ALIGNMENT for tensor in net.state_dict().values()} == {0}


FEATURES_OF_EVERY_HEADER = """
import hashlib, sys

import torch

import port
from tests.port.nets import small_clips, small_genotype, small_state_dict

for length in range(0, 64, 8):
    about = {"padding": "x" * length}
    port.save_weights(sys.argv[1], small_genotype(), small_state_dict(), about)
    net = port.create_model(small_genotype(), weights=sys.argv[1]).eval()
    features = net.forward_features(small_clips(1)).detach()
    print(hashlib.sha256(features.numpy().tobytes()).hexdigest())
"""


def test_equal_weights_give_equal_features_whatever_stands_in_front_of_them(tmp_path: Path) -> None:
    """Also with the code that MKL has for processors without AVX2, which looks at alignment."""
    command = [sys.executable, "-c", FEATURES_OF_EVERY_HEADER, str(tmp_path / "w.safetensors")]
    environment = {**os.environ, "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "OMP_NUM_THREADS": "1"}
    environment.pop("MKL_CBWR", None)  # which would do it too
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    digests = printed.stdout.split()
    assert len(digests) == 8 and len(set(digests)) == 1


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_damaged_file_is_refused_by_name(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"small\.safetensors: no readable safetensors"):
        load_weights(path)


def test_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: no such file"):
        load_weights(tmp_path / "absent")
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(InputError, match="foreign: not a weights file"):
        load_weights(tmp_path / "foreign")
    save_file(small_state_dict(), tmp_path / "alike", {"format": "pt"})
    with pytest.raises(InputError, match="alike: not a weights file"):
        load_weights(tmp_path / "alike")
    save_file(small_state_dict(), tmp_path / "header", {"format": "tvn-port/1", "about": "{"})
    with pytest.raises(InputError, match="header: its header is damaged"):
        load_weights(tmp_path / "header")


@pytest.mark.parametrize("before", [None, b"what stood there"])
def test_a_write_that_fails_leaves_everything_as_it_was(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "w.safetensors"
    if before is not None:
        path.write_bytes(before)

    def fail() -> None:
        raise InputError("the third tensor cannot be read")

    entries = [Entry("a", "float32", (2,), lambda: torch.zeros(2).numpy())]
    entries.append(Entry("b", "float32", (2,), fail))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="third tensor"):
        stream_weights(path, small_genotype(), entries, dict)
    assert [p.name for p in tmp_path.iterdir()] == ([] if before is None else [path.name])
    assert before is None or path.read_bytes() == before


def test_nothing_has_the_name_before_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "w"
    with writing(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    (tmp_path / "plain").write_text("as any new file")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent/w: cannot write there"):
        write_text(tmp_path / "absent" / "w", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder: cannot be written"):
        write_text(tmp_path / "folder", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
