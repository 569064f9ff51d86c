"""Certificates as `tvn verify` writes them, without the minutes that it takes."""

import json
from pathlib import Path
from typing import Any

from port import Genotype
from port.certificate import Certificate, certificate_path, file_digest


def certify(weights: Path, net: Genotype, /, **changes: Any) -> Path:
    """Write one that lets `weights` pass, with `changes` of its fields."""
    certificate = Certificate(
        passed=True,
        level="training",
        weights=weights.name,
        weights_sha256=file_digest(weights),
        source_sha256="0" * 64,
        genotype=net,
        compared=[{"name": "inference", "passed": True, "float64_error": 1e-15}],
        versions={"torch": "2"},
        written="2020-01-01T00:00:00+00:00",
    )
    path = certificate_path(weights)
    path.write_text(json.dumps(certificate.to_dict() | changes))
    return path
