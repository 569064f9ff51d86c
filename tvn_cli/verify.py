"""`tvn verify`: is the port the same function as the original, and as precise, at every layer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from absl import flags

from port.errors import InputError
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say

if TYPE_CHECKING:
    from verify import Report

USAGE = (
    "tvn verify --model=M [--source=PATH] [--weights=W.safetensors] [--report=DIR] [--json=FILE]\n"
    "           [--level=inference|training|full] [--also=VARIANT,…]\n"
    "tvn verify --spec=FILE.py [--review] [--level=training] [--report=DIR] [--json=FILE]"
)
# What a spec file leaves to be said.
WITH_SPEC = {"spec", "review", "level", "report", "json"}


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    text("model", None, "a published name or a genotype JSON file; may be left out with --weights",
         flag_values=values)  # fmt: skip
    text("source", None, "TensorFlow weights for the original; seeded ones if left out, or those "
         "of --weights", flag_values=values)  # fmt: skip
    text("weights", None, "the converted weights to judge; converted on the fly if left out",
         flag_values=values)  # fmt: skip
    text("spec", None, "a Python file of your own that defines spec(), the comparison of any port "
         "with its original: see docs/your_own_port.md", flag_values=values)  # fmt: skip
    flags.DEFINE_bool("review", False, "with --spec: list which variable and which tap is where in "
                      "the port, and stop", flag_values=values)  # fmt: skip
    text("report", None, "a folder for report.json and report.html", flag_values=values)
    text("json", None, "a file for the report as JSON", flag_values=values)
    flags.DEFINE_enum("level", "training", ["inference", "training", "full"],
                      "how much is compared: every layer; also probes of other sizes and a "
                      "training step; also more probes and all variants. With --spec, every layer, "
                      "and only if training is asked for, training steps",
                      flag_values=values)  # fmt: skip
    flags.DEFINE_list("also", [], "variants of the port to judge too, of onnx, onnx_whole, "
                      "channels_last, folded, exported, compiled, bfloat16",
                      flag_values=values)  # fmt: skip
    number("batch", 2, "clips; one alone cannot show that clips get mixed", lower_bound=1,
           flag_values=values)  # fmt: skip
    number("height", None, "of the frames in pixels; the net's own if left out", lower_bound=1,
           flag_values=values)  # fmt: skip
    number("width", None, "of the frames in pixels; the net's own if left out", lower_bound=1,
           flag_values=values)  # fmt: skip
    number("seed", 0, "of the clips, and of the weights where they are seeded", lower_bound=0,
           flag_values=values)  # fmt: skip
    number("num_classes", 50, "with seeded weights: outputs of the classifier", lower_bound=1,
           flag_values=values)  # fmt: skip
    flags.DEFINE_bool("max_pool_predictions", False, "take the head that pools over frames",
                      flag_values=values)  # fmt: skip
    flags.DEFINE_bool("use_ema", False, "take the moving averages of --source",
                      flag_values=values)  # fmt: skip


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Verify, show it, write the reports and the certificate."""
    from port.memory import keep_freed_memory
    from verify.reports.files import prepare_outputs, write_report

    no_arguments(arguments)
    keep_freed_memory()
    if values.review:
        return _review(values)
    outputs = prepare_outputs(values.report, values.json)
    report = _verify_tvn(values) if values.spec is None else _verify_spec(values)
    write_report(report, outputs)
    return 0 if report.passed else 1


def _verify_tvn(values: flags.FlagValues) -> "Report":
    """A Tiny Video Network; weights that were given get their certificate."""
    from port.certificate import file_digest
    from tvn_cli.screen.verification import VerificationScreen
    from verify.diagnosis.verify import verify
    from verify.tvn.certificate import write_certificate
    from verify.tvn.levels import list_variants, tvn_spec
    from verify.tvn.load import load_subject

    if values.weights is None:
        required(values, "model")
    also = list_variants(values.also, values.level)
    subject = load_subject(
        values.model, values.source, values.weights, num_classes=values.num_classes,
        max_pool_predictions=values.max_pool_predictions, use_ema=values.use_ema, seed=values.seed,
        batch=values.batch, height=values.height, width=values.width,
    )  # fmt: skip
    # Now, as they were read: in the minutes that follow others may take their name.
    digest = None if values.weights is None else file_digest(values.weights)
    with VerificationScreen() as screen:
        report = verify(tvn_spec(subject), values.level, also=also, watch=screen)
    if digest is not None:
        outcomes = {"inference": replace(report, further={}), **report.further}
        parts = (subject.genotype, subject.weights, values.level, outcomes)
        say(f"{write_certificate(values.weights, digest, *parts)}: written")
    return report


def _verify_spec(values: flags.FlagValues) -> "Report":
    """What a file of the user's says."""
    from tvn_cli.screen.verification import VerificationScreen
    from verify.custom.load import load_spec
    from verify.diagnosis.verify import verify

    _refuse_others(values)
    level = values.level if values["level"].present else "inference"
    if level == "full":
        raise InputError("--level=full does not go with --spec; there is --level=training")
    spec = load_spec(values.spec)
    try:
        with VerificationScreen() as screen:
            return verify(spec, level, watch=screen)
    except InputError as error:
        raise InputError(f"{values.spec}: {error}") from error


def _review(values: flags.FlagValues) -> int:
    """What a file's port and original were found to have in common."""
    from verify.custom.load import load_spec
    from verify.custom.review import list_places, summarise

    if values.spec is None:
        raise InputError("--review goes with --spec")
    _refuse_others(values)
    about = load_spec(values.spec).about
    places = list_places(about.matching) if about.matching else ()
    say(*places, *summarise(about))
    return 0


def _refuse_others(values: flags.FlagValues) -> None:
    given = {name for name in values if values[name].present}
    if others := given - WITH_SPEC:
        raise InputError(f"--{min(others)} does not go with --spec: the file says it all")
