"""Certificates: only one that is there, of this file, and says yes lets a command go on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from port import InputError
from port.certificate import SCHEMA, certificate_path, check_certificate, file_digest


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file with a certificate that lets it pass."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"weights")
    certificate = {"passed": True, "level": "training", "weights_sha256": file_digest(path)}
    certificate_path(path).write_text(json.dumps({"schema": SCHEMA, **certificate}))
    return path


def _edit(weights: Path, **changes: Any) -> None:
    path = certificate_path(weights)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_matching_certificate_says_so(weights: Path) -> None:
    record = check_certificate(weights)
    digest = file_digest(weights)
    assert record == {"verified": True, "level": "training", "weights_sha256": digest}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda w: certificate_path(w).unlink(), "missing"),
        (lambda w: certificate_path(w).write_text("{"), "not a readable"),
        (lambda w: certificate_path(w).write_text("[]"), "not a readable"),
        (lambda w: certificate_path(w).write_text("{}"), "not a readable"),
        (lambda w: _edit(w, schema="tvn-certificate/9"), "another version"),
        (lambda w: w.write_bytes(b"other weights"), "another file"),
        (lambda w: _edit(w, passed=False), "said no"),
        (lambda w: _edit(w, passed="yes"), "said no"),
    ],
)
def test_anything_else_stops_unless_it_is_allowed(
    spoil: Callable[[Path], None], told: str, weights: Path
) -> None:
    spoil(weights)
    with pytest.raises(InputError, match=told) as refusal:
        check_certificate(weights)
    assert "--allow_unverified" in str(refusal.value)
    record = check_certificate(weights, allow_unverified=True)
    assert record["verified"] is False
    assert told in record["reason"]
