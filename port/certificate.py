"""Certificates: what `tvn verify` found of a weights file, checked by whoever goes on from it.

The certificate of `W.safetensors` is `W.certificate.json` beside it; docs/certificate.md has its
fields.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from port.errors import InputError

SCHEMA = "tvn-certificate/1"
MEND = "run `tvn verify --weights={path}` first, or pass --allow_unverified"


def certificate_path(weights: str | Path) -> Path:
    """Where the certificate of a weights file stands."""
    return Path(weights).with_suffix(".certificate.json")


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_certificate(weights: str | Path, *, allow_unverified: bool = False) -> dict[str, Any]:
    """What a file made from `weights` should record about their verification.

    Returns:
        `{"verified": True, "level": …, "weights_sha256": …}`, or with `allow_unverified`
        `{"verified": False, "reason": …}`.

    Raises:
        InputError: the certificate is missing, is not of this file, or says no.
    """
    try:
        certificate = _matching_certificate(Path(weights))
    except InputError as error:
        if not allow_unverified:
            raise
        return {"verified": False, "reason": str(error)}
    return {
        "verified": True,
        "level": certificate["level"],
        "weights_sha256": certificate["weights_sha256"],
    }


def _matching_certificate(weights: Path) -> dict[str, Any]:
    path, mend = certificate_path(weights), MEND.format(path=weights)
    try:
        certificate = json.loads(path.read_text())
        known = certificate["schema"] == SCHEMA
        passed, level = certificate["passed"], certificate["level"]
        digest = certificate["weights_sha256"]
    except FileNotFoundError:
        raise InputError(f"{weights}: not verified ({path.name} is missing); {mend}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a readable certificate; {mend}") from None
    if not known:
        raise InputError(f"{path}: a certificate of another version; {mend}")
    if digest != file_digest(weights):
        raise InputError(f"{path}: the certificate of another file than {weights.name}; {mend}")
    if passed is not True:
        raise InputError(
            f"{path}: verification at level {level} said no; convert the weights anew, or pass "
            "--allow_unverified"
        )
    return dict(certificate)
