"""Fuzz the readers: any bytes at all must read, or be refused with an InputError.

    .venv/bin/pip install atheris
    PYTHONPATH=. nice .venv/bin/python tests/port/sources/fuzz_bundle.py \
        -max_total_time=600 -rss_limit_mb=1024 -timeout=10 -max_len=8192 \
        /tmp/found tests/port/sources/corpus

An input's first byte says what it is read as. Checksums are taken to hold, because a fuzzer
cannot guess them and would never get further.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

FORMS = {b"n": "model.npz", b"g": "model.pb", b"t": "model.tar", b"s": "checkpoint"}
LENGTH_BYTES = 2


class Sound(int):
    """A checksum that equals any other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


@contextmanager
def sound_checksums() -> Iterator[None]:
    with (
        mock.patch("port.sources.table.masked_crc32c", lambda data: Sound(len(data))),
        mock.patch("port.sources.bundle.masked_crc32c", lambda data: Sound(len(data))),
    ):
        yield


def check(data: bytes) -> bool:
    """Read `data` as its first byte says, and return whether it was read."""
    from port.errors import InputError
    from port.sources import open_source
    from port.sources.summary import summarize

    form, content = data[:1], data[1:]
    with TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder, FORMS.get(form, "model.index"))
        if form in FORMS:
            path.write_bytes(content)
        else:
            length = int.from_bytes(content[:LENGTH_BYTES], "little")
            index, values = content[LENGTH_BYTES:][:length], content[LENGTH_BYTES:][length:]
            path.write_bytes(index)
            path.with_name("model.data-00000-of-00001").write_bytes(values)
        try:
            with open_source(Path(folder) if form == b"s" else path) as source:
                for info in source.infos():
                    values_read = source[info.name]
                    assert values_read.shape == info.shape
                    summarize(values_read)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            assert str(error).startswith(folder)
            return False
    return True


def main() -> None:
    """Run until the limits on the command line."""
    import atheris

    with atheris.instrument_imports(include=["port.sources", "tarfile", "zipfile"]):
        import port.sources  # noqa: F401

    with sound_checksums():
        atheris.Setup(sys.argv, check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
