"""Certificates: only one that is there, of this file and its net, and says yes lets one go on."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from port import Genotype, InputError
from port.certificate import Certificate, certificate_path, check_certificate, file_digest
from port.genotype import (
    ACTIVATIONS,
    SPATIAL_TYPES,
    TEMPORAL_TYPES,
    BlockGenotype,
    StreamGenotype,
)
from tests.certificates import certify
from tests.port.nets import small_genotype
from tests.strategies import genotypes

DEEP = "[" * 100_000 + "]" * 100_000
NO = [{"name": "inference", "passed": False}]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file with a certificate that lets it pass."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"weights")
    certify(path, small_genotype())
    return path


def test_a_matching_certificate_says_so(weights: Path) -> None:
    record = check_certificate(weights, small_genotype())
    digest = file_digest(weights)
    assert record == {"verified": True, "level": "training", "weights_sha256": digest}
    data = json.loads(certificate_path(weights).read_text())
    assert Certificate.from_dict(data).to_dict() == data


def _write(text: str) -> Callable[[Path], object]:
    return lambda weights: certificate_path(weights).write_text(text)


def _edit(**changes: Any) -> Callable[[Path], object]:
    return lambda weights: certify(weights, small_genotype(), **changes)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda w: certificate_path(w).unlink(), "missing"),
        (_write("{"), "not JSON"),
        (_write("[]"), "no object"),
        (_write("{}"), "schema"),
        (_write(DEEP), "nested"),
        (_edit(schema="tvn-certificate/9"), "another version"),
        (_edit(schema=["tvn-certificate/1"]), "another version"),
        (lambda w: w.write_bytes(b"other weights"), "another file"),
        (_edit(passed=False, compared=NO), "said no"),
        (_edit(passed=False), "'passed' is not what"),
        (_edit(compared=NO), "'passed' is not what"),
        (_edit(passed="yes"), "'passed' is wrong"),
        (_edit(passed=1), "'passed' is wrong"),
        (_edit(level="none"), "'level' is wrong"),
        (_edit(level=["training"]), "'level' is wrong"),
        (_edit(weights_sha256="F" * 64), "'weights_sha256' is wrong"),
        (_edit(compared=[]), "'compared' is wrong"),
        (_edit(compared=[None]), "'compared' is wrong"),
        (_edit(versions=[1]), "'versions' is wrong"),
        (_edit(genotype=None), "expected an object"),
        (_edit(genotype={"\x1b[2J": 1}), "unknown field"),
    ],
)
def test_anything_else_stops_unless_it_is_allowed(
    spoil: Callable[[Path], None], told: str, weights: Path
) -> None:
    spoil(weights)
    with pytest.raises(InputError, match=told) as refusal:
        check_certificate(weights, small_genotype())
    message = str(refusal.value)
    assert message.isprintable() and message.startswith(str(weights.parent / "w."))
    record = check_certificate(weights, small_genotype(), allow_unverified=True)
    assert record["verified"] is False
    assert told in record["reason"]


@pytest.mark.parametrize("name", sorted(Certificate.__slots__))
def test_every_field_must_be_there(name: str, weights: Path) -> None:
    path = certificate_path(weights)
    data = json.loads(path.read_text())
    del data[name]
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=rf"{name}"):
        check_certificate(weights, small_genotype())


def _values_of(kind: type) -> dict[str, st.SearchStrategy[Any]]:
    """Other values of each field, as a genotype of the search space has them."""
    words = {"spatial_type": SPATIAL_TYPES, "temporal_type": TEMPORAL_TYPES}
    words |= dict.fromkeys(("act", "spatial_act", "temporal_act"), ACTIVATIONS)
    numbers: dict[str, st.SearchStrategy[Any]] = {
        field.name: st.integers(1, 9) for field in fields(kind)
    }
    return numbers | {name: st.sampled_from(words[name]) for name in words if name in numbers}


@st.composite
def two_nets(draw: st.DrawFn) -> tuple[Genotype, Genotype]:
    """A genotype, and the same with one field of it, of a block or of a stream changed."""
    genotype = draw(genotypes())
    places: list[tuple[str, int]] = [("blocks", i) for i in range(len(genotype.blocks))]
    streams = genotype.input_streams
    places += [("input_streams", i) for i in range(len(streams or ()))] or [("", 0)]
    place, index = draw(st.sampled_from(places))
    kind = {"blocks": BlockGenotype, "input_streams": StreamGenotype, "": StreamGenotype}[place]
    values = _values_of(kind)
    name = draw(st.sampled_from(sorted(values.keys() - {"inputs"})))
    change = {name: draw(values[name])}
    if not place:
        return genotype, replace(genotype, **change)
    parts = list(getattr(genotype, place))
    parts[index] = replace(parts[index], **change)
    return genotype, replace(genotype, **{place: tuple(parts)})


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(two_nets())
def test_a_certificate_of_a_net_that_differs_in_any_field_is_refused(
    weights: Path, nets: tuple[Genotype, Genotype]
) -> None:
    named, verified = nets
    assume(named != verified)
    certify(weights, verified)
    with pytest.raises(InputError, match="the certificate of another net than that of w"):
        check_certificate(weights, named)
    assert check_certificate(weights, verified)["verified"]
