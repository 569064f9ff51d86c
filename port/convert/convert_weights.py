"""The whole way of `tvn convert`: a source of TensorFlow weights in, a safetensors file out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from port.atomic import write_text
from port.convert.names import Row, table
from port.convert.recognise import recognise, select_from
from port.convert.record import Conversion, combined_digest, digest, report_path, versions
from port.convert.select import Selection
from port.convert.state_dict import (
    CLASSIFIER_BIAS,
    AnyGenotype,
    MisfitError,
    check_shapes,
    class_count,
)
from port.convert.weights import Entry, stream_weights
from port.convert.weights_header import DTYPES
from port.errors import InputError
from port.genotype import Genotype
from port.sources import Source, open_source

AUTO = "auto"
# As long as a digest, for a header whose length is settled before anything was read.
NO_DIGEST = "0" * 64


def convert_weights(
    source: str | Path,
    genotype: AnyGenotype,
    output: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    use_ema: bool = False,
    prefix: str | None = None,
) -> Conversion:
    """Convert TensorFlow weights to a `.safetensors` file, which appears whole or not at all.

    What was written is read back, permuted to TensorFlow's layout and compared with the source
    before the file takes its name; the report beside it holds the digests of both.

    Args:
        source: a checkpoint or any other form that `open_source` knows.
        genotype: the net the weights belong to; `auto` recognises a published one.
        output: the file to write.
        class_names: names to put into the header, one a class.
        use_ema: take the moving averages of the weights.
        prefix: what stands in front of every name in the source; found by itself if None.

    Raises:
        InputError: the source cannot be read, does not fit the net or holds NaN or infinity; the
            output cannot be written.
    """
    with open_source(source) as opened:
        genotype = Genotype.load(recognise(opened, prefix) if genotype == AUTO else genotype)
        rows, selection = match(opened, genotype, use_ema=use_ema, prefix=prefix)
        if class_names is not None and len(class_names) != rows[-1].tf_shape[0]:
            raise InputError(f"{len(class_names)} class names for {rows[-1].tf_shape[0]} classes")
        transfer = _Transfer(opened, rows, selection, class_names)
        stream_weights(output, genotype, transfer.entries(), transfer.about, transfer.check)
    conversion = Conversion(
        genotype, rows, selection, transfer.before, transfer.after, transfer.about()
    )
    write_text(report_path(output), conversion.to_json())
    return conversion


class _Transfer:
    """One conversion under way: digests of what was read, and of what was read back."""

    def __init__(
        self,
        source: Source,
        rows: Sequence[Row],
        selection: Selection,
        class_names: Sequence[str] | None,
    ) -> None:
        self._source, self._selection, self._class_names = source, selection, class_names
        self._rows = {row.torch_key: row for row in rows}
        self.before = {row.tf_name: NO_DIGEST for row in rows}
        self.after: dict[str, str] = {}

    def entries(self) -> list[Entry]:
        """What is to be written."""
        return [self._entry(row) for row in self._rows.values()]

    def about(self) -> dict[str, Any]:
        """What the header says of the source; of one length, whatever has been read by now."""
        return {
            "class_names": list(self._class_names) if self._class_names else None,
            "source": self._source.kind,
            "source_sha256": combined_digest(self.before),
            "versions": versions(),
        }

    def check(self, entry: Entry, written: np.ndarray) -> None:
        """Hold what was read back against what was read."""
        row = self._rows[entry.key]
        self.after[row.tf_name] = digest(row.layout.to_tf(written))
        if self.after[row.tf_name] != self.before[row.tf_name]:
            raise InputError(
                f"{row.tf_name} was written but did not read back the same; check the disk and "
                "convert again"
            )

    def _entry(self, row: Row) -> Entry:
        stored = self._source.info(self._selection.stored[row.tf_name])
        shape = tuple(row.tf_shape[axis] for axis in row.layout.axes)
        return Entry(row.torch_key, stored.dtype, shape, lambda: self._read(row))

    def _read(self, row: Row) -> np.ndarray:
        array = _read(self._source, self._selection, row)
        self.before[row.tf_name] = digest(array)
        return row.layout.to_torch(array)


def read_variables(
    source: str | Path, genotype: Genotype, *, use_ema: bool = False, prefix: str | None = None
) -> dict[str, np.ndarray]:
    """All of the net's variables from a source, under their own names; errors as in `convert`."""
    with open_source(source) as opened:
        rows, selection = match(opened, genotype, use_ema=use_ema, prefix=prefix)
        return {row.tf_name: _read(opened, selection, row) for row in rows}


def match(
    source: Source, genotype: Genotype, *, use_ema: bool = False, prefix: str | None = None
) -> tuple[tuple[Row, ...], Selection]:
    """The net's table for this source, and which stored tensor is which variable.

    Raises:
        InputError: missing, unexpected and misshapen variables; a MisfitError holds all of them.
    """
    try:
        # The names depend on the genotype alone: the class count can wait until they are matched.
        selection = select_from(source, genotype, use_ema=use_ema, prefix=prefix)
        shapes = {name: source.info(stored).shape for name, stored in selection.stored.items()}
        rows = table(genotype, class_count(shapes, CLASSIFIER_BIAS))
        check_shapes(shapes, {row.tf_name: row.tf_shape for row in rows})
    except MisfitError as error:
        raise error.shortened(source.path) from None
    except InputError as error:
        raise InputError(f"{source.path}: {error}") from None
    for row in rows:
        stored = source.info(selection.stored[row.tf_name])
        if stored.dtype not in DTYPES:
            raise InputError(f"{source.path}: {stored.name} is of type {stored.dtype}, no float")
    return rows, selection


def _read(source: Source, selection: Selection, row: Row) -> np.ndarray:
    array = source[selection.stored[row.tf_name]]
    if not np.isfinite(array).all():
        raise InputError(
            f"{source.path}: {row.tf_name} holds NaN or infinity; the training that wrote it "
            "diverged, take an earlier checkpoint"
        )
    return array
