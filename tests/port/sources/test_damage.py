"""A checkpoint that was cut short or changed is refused, or reads unchanged: never otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from port.errors import InputError
from port.sources import open_source
from tests.port.sources import published
from tests.port.sources.refusal import assert_refused, read_all

FLIPS = 400


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, bytes]]:
    """Return a small checkpoint's index and data, and what they hold."""
    prefix = published.save(tmp_path_factory.mktemp("sound") / "model", published.some_tensors())
    return (
        Path(f"{prefix}.index"),
        Path(f"{prefix}.data-00000-of-00001"),
        read_all(prefix),
    )


@pytest.fixture
def copy(sound: tuple[Path, Path, dict[str, bytes]], tmp_path: Path) -> tuple[Path, Path]:
    """Return a copy of it to damage."""
    copies = tmp_path / sound[0].name, tmp_path / sound[1].name
    for original, copied in zip(sound[:2], copies, strict=True):
        copied.write_bytes(original.read_bytes())
    return copies


@pytest.mark.parametrize("which", [0, 1], ids=["index", "data"])
def test_cut_short_anywhere(copy: tuple[Path, Path], which: int) -> None:
    file = copy[which]
    whole = file.read_bytes()
    assert len(whole) > 3 << 10
    for size in [*range(0, len(whole), 1 << 10), len(whole) - 1]:
        file.write_bytes(whole[:size])
        assert_refused(copy[0], "cut short|damaged", len(whole))


@pytest.mark.parametrize("which", [0, 1], ids=["index", "data"])
def test_flipped_bits(
    copy: tuple[Path, Path], sound: tuple[Path, Path, dict[str, bytes]], which: int
) -> None:
    random = np.random.default_rng(which)
    whole = copy[which].read_bytes()
    refused = 0
    for place in random.integers(0, 8 * len(whole), FLIPS):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        copy[which].write_bytes(damaged)
        try:
            assert read_all(copy[0]) == sound[2], f"bit {place} changed the weights"
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            refused += 1
    assert refused > 0.95 * FLIPS  # what passes is padding


def test_a_damaged_tensor_is_named_and_the_others_read(
    copy: tuple[Path, Path], sound: tuple[Path, Path, dict[str, bytes]]
) -> None:
    data = bytearray(copy[1].read_bytes())
    data[-1] ^= 1
    copy[1].write_bytes(data)
    with open_source(copy[0]) as source:
        failed = []
        for name in source:
            try:
                assert source[name].tobytes() == sound[2][name]
            except InputError as error:
                assert f"tensor {name!r} fails its checksum" in str(error)
                failed.append(name)
    assert len(failed) == 1


def test_cut_short_while_it_is_open(copy: tuple[Path, Path]) -> None:
    with open_source(copy[0]) as source:
        copy[1].write_bytes(b"")
        with pytest.raises(InputError, match="was cut short while tensor 'v:0' was read"):
            source["v:0"]


def test_a_missing_data_file_is_named(copy: tuple[Path, Path]) -> None:
    copy[1].unlink()
    assert_refused(copy[0], "model.data-00000-of-00001: no such file")


def test_a_missing_index_is_named(copy: tuple[Path, Path]) -> None:
    copy[0].unlink()
    assert_refused(copy[0].with_suffix(""), "model.index: no such file, but its data is there")
    assert_refused(copy[1], "model.index: no such file")
