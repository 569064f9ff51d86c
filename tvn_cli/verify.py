"""`tvn verify`: is the port the same function as the original, and as precise, at every layer."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say

if TYPE_CHECKING:
    from verify import PortSpec, Report

USAGE = (
    "tvn verify --model=M [--source=PATH] [--weights=W.safetensors] [--report=DIR] [--json=FILE]\n"
    "           [--junit=FILE] [--level=inference|training|full] [--also=VARIANT,…]\n"
    "tvn verify --spec=FILE.py [--review] [--level=probes|training|full] [--report=DIR]\n"
    "           [--json=FILE] [--junit=FILE]"
)
WITH_SPEC = {"spec", "review", "level", "report", "json", "junit", "quiet"}
OF_SUBJECT = ("model", "source", "weights", "num_classes", "max_pool_predictions", "use_ema",
              "seed", "batch", "height", "width")  # fmt: skip


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.text("model", "a published name or a genotype JSON file; may be left out with --weights")
    flags.text("source", "TensorFlow weights for the original; seeded ones if left out, or those "
               "of --weights")  # fmt: skip
    flags.text("weights", "the converted weights to judge; converted on the fly if left out")
    flags.text("spec", "a Python file of your own that defines spec(), the comparison of any port "
               "with its original: see docs/your_own_port.md")  # fmt: skip
    flags.switch("review", "with --spec: list which variable and which tap is where in the port, "
                 "and stop")  # fmt: skip
    flags.text("report", "a folder for report.json and report.html")
    flags.text("json", "a file for the report as JSON")
    flags.text("junit", "a file for the report as JUnit XML: a test case for each tap and value")
    flags.choice("level", ("inference", "probes", "training", "full"), "how much is compared: "
                 "every layer; also probes of other sizes and a training step; also more probes "
                 "and all variants. With --spec, every layer, if it is left out; also further "
                 "inputs (probes); also training steps (training); all of that (full)",
                 "training")  # fmt: skip
    flags.several("also", "variants of the port to judge too, of onnx, onnx_whole, channels_last, "
                  "folded, optimized, exported, compiled, bfloat16")  # fmt: skip
    flags.number("batch", "clips; one alone cannot show that clips get mixed", 2)
    flags.size()
    flags.number("seed", "of the clips, and of the weights where they are seeded", 0, least=0)
    flags.num_classes("with seeded weights: outputs of the classifier")
    flags.max_pool_predictions()
    flags.use_ema()


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Verify, show it, write the reports and the certificate."""
    no_arguments(arguments, "spec" if "".join(arguments[:1]).endswith(".py") else "model")
    also = _check_flags(values)
    # Only now, for PyTorch takes a second that a refused flag need not wait for.
    from port.memory import keep_freed_memory
    from verify.reports.files import prepare_outputs, require_writable, write_report

    keep_freed_memory()
    if values.review:
        return _review(values)
    outputs = prepare_outputs(values.report, values.json)
    if values.junit is not None:
        require_writable(Path(values.junit))
    report = _verify_tvn(values, also) if values.spec is None else _verify_spec(values)
    report = replace(report, made={**report.made, **_request(values)})
    write_report(report, outputs)
    _tell_others(report, values)
    return 0 if report.passed else 1


def _check_flags(values: FlagValues) -> Sequence[str]:
    """Refuse flags that do not go together; the variants that are asked for."""
    from verify.tvn.variant_names import list_variants

    if values.spec is not None:
        given = {name for name in values if values[name].present}
        if others := given - WITH_SPEC:
            raise InputError(f"--{min(others)} does not go with --spec: the file says it all")
        return ()
    if values.review:
        raise InputError("--review goes with --spec")
    if values.weights is None:
        required(values, "model")
    return list_variants(values.also, values.level)


def _tell_others(report: "Report", values: FlagValues) -> None:
    """The JUnit file, and annotations where GitHub runs this."""
    from port.atomic import write_text
    from verify.testing.annotations import annotate
    from verify.testing.junit import to_junit

    spec = None if values.spec is None else Path(values.spec)
    group = report.name if spec is None else spec.stem
    if values.junit is not None:
        write_text(values.junit, to_junit(report, group))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        say(*annotate(report, group, spec))


def _request(values: FlagValues) -> dict[str, Any]:
    """What was asked for, and the digests of the files that were named."""
    from port.certificate import file_digest

    given = [values[name].serialize() for name in values if values[name].present]
    files = [values[name].value for name in ("spec", "weights", "source")]
    read = [file for file in files if file is not None and Path(file).is_file()]
    digests = {file: file_digest(file) for file in read}
    return {"command": shlex.join(["tvn", "verify", *sorted(given)]), "sha256": digests}


def _verify_tvn(values: FlagValues, also: Sequence[str]) -> "Report":
    """A Tiny Video Network; weights that were given get their certificate."""
    from port.certificate import file_digest
    from tvn_cli.screen.verification import VerificationScreen
    from verify.diagnosis.verify import verify
    from verify.tvn.certificate import write_certificate
    from verify.tvn.levels import tvn_spec
    from verify.tvn.load import load_subject

    subject = load_subject(**{name: values[name].value for name in OF_SUBJECT})
    # Now, as they were read: in the minutes that follow others may take their name.
    digest = None if values.weights is None else file_digest(values.weights)
    with VerificationScreen() as screen:
        report = verify(tvn_spec(subject), values.level, also=also, watch=screen)
    if digest is not None:
        say(f"{write_certificate(values.weights, digest, subject, values.level, report)}: written")
    return report


def _verify_spec(values: FlagValues) -> "Report":
    """What a file of the user's says."""
    from tvn_cli.screen.verification import VerificationScreen
    from verify.diagnosis.verify import verify

    level = values.level if values["level"].present else "inference"
    spec = _load(values)
    with VerificationScreen() as screen:
        return verify(spec, level, watch=screen)


def _review(values: FlagValues) -> int:
    """What a file's port and original were found to have in common."""
    from verify.custom.review import list_places, summarise

    about = _load(values).about
    say(*(list_places(about.matching) if about.matching else ()), *summarise(about))
    return 0


def _load(values: FlagValues) -> "PortSpec":
    from verify.custom.load import load_spec

    return load_spec(values.spec)
