"""Certificates: what `tvn verify` found of a weights file, checked by whoever goes on from it.

The certificate of `W.safetensors` is `W.certificate.json` beside it; docs/certificate.md has its
fields.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from port.errors import InputError
from port.genotype import Genotype
from port.text import visible
from port.untrusted import read_json
from port.which_net import difference

SCHEMA = "tvn-certificate/1"
LEVELS = ("inference", "training", "full")
MEND = "run `tvn verify --weights={path}` first, or pass --allow_unverified"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a verification of a weights file came to; its fields are those of the file."""

    passed: bool
    level: str
    weights: str
    weights_sha256: str
    source_sha256: str
    genotype: Genotype
    compared: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    written: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {"schema": SCHEMA, **fields, "genotype": self.genotype.to_dict()}

    @classmethod
    def from_dict(cls, data: Any) -> "Certificate":
        """The certificate that `data`, read from JSON, is; everything in it is checked.

        Raises:
            InputError: names the first field that is missing or wrong.
        """
        if not isinstance(data, dict):
            raise InputError("no object with named fields")
        if data.get("schema") != SCHEMA:
            raise InputError(f"its schema is not {SCHEMA}, but that of another version or file")
        for name, is_right in _FIELDS.items():
            if name not in data or not is_right(data[name]):
                raise InputError(f"its field {name!r} is {'wrong' if name in data else 'missing'}")
        if data["passed"] != all(each["passed"] for each in data["compared"]):
            raise InputError("its field 'passed' is not what its comparisons say")
        genotype = Genotype.from_dict(data.get("genotype", {}))
        return cls(genotype=genotype, **{name: data[name] for name in _FIELDS})


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_comparisons(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(
            isinstance(each, dict)
            and isinstance(each.get("name"), str)
            and isinstance(each.get("passed"), bool)
            for each in value
        )
    )


# Of every field but the genotype, which checks itself.
_FIELDS = {
    "passed": lambda value: isinstance(value, bool),
    "level": lambda value: isinstance(value, str) and value in LEVELS,
    "weights": _is_text,
    "weights_sha256": _is_digest,
    "source_sha256": _is_digest,
    "compared": _is_comparisons,
    "versions": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "written": _is_text,
}


def certificate_path(weights: str | Path) -> Path:
    """Where the certificate of a weights file stands."""
    return Path(weights).with_suffix(".certificate.json")


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_certificate(
    weights: str | Path, genotype: Genotype, *, allow_unverified: bool = False
) -> dict[str, Any]:
    """What a file made from `weights` should record about their verification.

    Args:
        weights: the file.
        genotype: the net that its header says the weights are of.
        allow_unverified: take weights that are not verified, too.

    Returns:
        `{"verified": True, "level": …, "weights_sha256": …}`, or with `allow_unverified`
        `{"verified": False, "reason": …}`.

    Raises:
        InputError: the certificate is missing or damaged, is of another file or another net, or
            says no.
    """
    try:
        certificate = _matching_certificate(Path(weights), genotype)
    except InputError as error:
        if not allow_unverified:
            raise
        return {"verified": False, "reason": str(error)}
    return {
        "verified": True,
        "level": certificate.level,
        "weights_sha256": certificate.weights_sha256,
    }


def _matching_certificate(weights: Path, genotype: Genotype) -> Certificate:
    path, mend = certificate_path(weights), MEND.format(path=weights)
    if not path.exists() and not path.is_symlink():
        raise InputError(f"{weights}: not verified ({path.name} is missing); {mend}")
    data = read_json(path, "a certificate")
    try:
        certificate = Certificate.from_dict(data)
    except InputError as error:
        raise InputError(f"{path}: no certificate ({visible(error)}); {mend}") from None
    if certificate.weights_sha256 != file_digest(weights):
        raise InputError(f"{path}: the certificate of another file than {weights.name}; {mend}")
    if differing := difference(certificate.genotype, genotype):
        raise InputError(
            f"{path}: the certificate of another net than that of {weights.name} ({differing}); "
            f"{mend}"
        )
    if not certificate.passed:
        raise InputError(
            f"{path}: verification at level {certificate.level} said no; convert the weights anew, "
            "or pass --allow_unverified"
        )
    return certificate
