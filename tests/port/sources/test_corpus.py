"""What fuzzing started from and found is read or refused, and never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.port.sources import fuzz_bundle

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_a_fuzzed_input_is_read_or_refused(file: Path) -> None:
    with fuzz_bundle.sound_checksums():
        assert fuzz_bundle.check(file.read_bytes()) == file.name.startswith("sound")
