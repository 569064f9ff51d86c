"""Writing the certificate of a weights file: what was compared, how, and what came of it."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from port.atomic import write_text
from port.certificate import Certificate, certificate_path
from port.convert.record import combined_digest, digest, versions
from verify.reports.outcome import Outcome, to_json
from verify.reports.report import Report
from verify.tvn.subject import Subject


def write_certificate(
    weights: str | Path, weights_sha256: str, subject: Subject, level: str, report: Report
) -> Path:
    """Write `W.certificate.json` beside `W.safetensors`, whether it passed or not.

    Args:
        weights: the file that was judged.
        weights_sha256: its digest when it was read.
        subject: the net, and the original's weights, which the file's were held against.
        level: of the verification.
        report: what came of it.
    """
    outcomes: dict[str, Outcome] = {"inference": replace(report, further={}), **report.further}
    genotype, variables = subject.genotype, subject.weights
    digests = {name: digest(value) for name, value in variables.items()}
    certificate = Certificate(
        passed=report.passed,
        level=level,
        weights=Path(weights).name,
        weights_sha256=weights_sha256,
        source_sha256=combined_digest(digests),
        genotype=genotype,
        compared=[_compared(name, outcome) for name, outcome in outcomes.items()],
        versions=versions() | _tensorflow_version(),
        written=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    path = certificate_path(weights)
    write_text(path, to_json(certificate.to_dict()))
    return path


def _compared(name: str, outcome: Outcome) -> dict[str, Any]:
    told = outcome.about
    about = {"seconds": told.seconds, "seed": told.seed, "input": told.to_dict().get("input")}
    verdict = {"passed": outcome.passed, "first_failure": outcome.first_failure}
    return {"name": name, **verdict, **outcome.worst, **about}


def _tensorflow_version() -> dict[str, str]:
    for distribution in ("tensorflow-cpu", "tensorflow"):
        try:
            return {"tensorflow": metadata.version(distribution)}
        except metadata.PackageNotFoundError:
            continue
    return {}
