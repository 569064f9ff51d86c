"""`tvn verify`: is the port the same function as the original, and as precise, at every layer."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from port.errors import InputError
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say

if TYPE_CHECKING:
    from port.model import TinyVideoNet
    from verify import PortSpec, Report
    from verify.reports.report import Outcome
    from verify.tvn.levels import Subject

USAGE = (
    "tvn verify --model=M [--source=PATH] [--weights=W.safetensors] [--report=DIR] [--json=FILE]\n"
    "           [--level=inference|training|full] [--also=VARIANT,…]\n"
    "tvn verify --spec=FILE.py [--review] [--level=training] [--report=DIR] [--json=FILE]"
)
BFLOAT16 = "bfloat16"  # judged in a way of its own


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
    """Verify, print the table, write the reports and the certificate."""
    from port.certificate import file_digest
    from port.memory import keep_freed_memory

    no_arguments(arguments)
    keep_freed_memory()
    if values.spec is not None:
        return _verify_own(values)
    if values.review:
        raise InputError("--review goes with --spec")
    if values.weights is None:
        required(values, "model")
    also, outputs = _variants(values), _writable_outputs(values)
    subject = _subject(values)
    # Now, as they were read: in the minutes that follow others may take their name.
    digest = None if values.weights is None else file_digest(values.weights)
    report = _run(subject, values.level, also)
    _write(report, outputs)
    if digest is not None:
        from verify.tvn.certificate import write_certificate

        outcomes = {"inference": replace(report, further={}), **report.further}
        parts = (subject.genotype, subject.variables, values.level, outcomes)
        say(f"{write_certificate(values.weights, digest, *parts)}: written")
    return 0 if report.passed else 1


def _verify_own(values: flags.FlagValues) -> int:
    """Verify what a file of the user's says."""
    from verify import verify
    from verify.custom.diagnose_training import diagnose_own_training
    from verify.custom.load import load_spec
    from verify.custom.review import failing_values, summary, table
    from verify.engine.training import training
    from verify.tvn.table import print_taps, print_verdict, run_with_progress, train_with_progress

    given = {name for name in values if values[name].present}
    if others := given - {"spec", "review", "level", "report", "json"}:
        raise InputError(f"--{min(others)} does not go with --spec: the file says it all")
    outputs = _writable_outputs(values)
    spec = load_spec(values.spec)
    if values.review:
        say(*table(spec.about), *summary(spec.about))
        return 0
    if values.level == "full":
        raise InputError("--level=full does not go with --spec; there is --level=training")
    trains = values["level"].present and values.level == "training"
    if trains and spec.training is None:
        raise InputError(
            f"{values.spec}: only a Keras model of one input is trained; leave --level"
        )
    report = run_with_progress(spec, lambda watch: verify(spec, watch=watch))
    print_taps(report.taps)
    say(*summary(report.about))
    print_verdict(report)
    report = _explained(spec, report)
    if trains and spec.training is not None:
        steps = spec.training
        trained = train_with_progress(steps.name, lambda watch: training(steps, watch=watch))
        if not trained.passed:
            trained = replace(trained, diagnosis=diagnose_own_training(steps))
        for line in failing_values(trained):
            say(line)
        print_verdict(trained)
        _print_why(trained)
        report = replace(report, further={"training": trained})
    _write(report, outputs)
    return 0 if report.passed else 1


def _explained(spec: "PortSpec", report: "Report", right: "TinyVideoNet | None" = None) -> "Report":
    """With why it failed, if it did."""
    from verify.diagnosis.diagnose import diagnose
    from verify.tvn.search_faults import search_faults
    from verify.tvn.table import print_diagnosis

    if report.passed:
        return report
    diagnosis = diagnose(spec, report, search_faults(right) if right else None)
    print_diagnosis(diagnosis)
    return replace(report, diagnosis=diagnosis)


def _print_why(outcome: "Outcome") -> None:
    """Of training that failed, which mistake it is."""
    from verify.reports.training_report import TrainingReport
    from verify.tvn.table import print_diagnosis

    if isinstance(outcome, TrainingReport) and outcome.diagnosis:
        print_diagnosis(outcome.diagnosis)


def _write(report: "Report", outputs: dict[Path, str]) -> None:
    from port.atomic import write_text

    for path, render in outputs.items():
        write_text(path, report.to_html() if render == "html" else report.to_json())


def _writable_outputs(values: flags.FlagValues) -> dict[Path, str]:
    """Where the reports go; a folder that cannot be written is refused before the work starts."""
    outputs: dict[Path, str] = {}
    if values.report is not None:
        folder = Path(values.report)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: --report cannot be written ({error.strerror})") from None
        outputs |= {folder / "report.json": "json", folder / "report.html": "html"}
    if values.json is not None:
        outputs[Path(values.json)] = "json"
    for path in outputs:
        try:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    return outputs


def _subject(values: flags.FlagValues) -> "Subject":
    from port.convert.convert_weights import read_variables
    from port.convert.record import versions
    from port.convert.state_dict import tf_from_state_dict
    from port.genotype import Genotype
    from port.weights import load_weights
    from port.which_net import difference
    from verify.tvn.levels import Subject, converted, seeded_variables

    weights = None if values.weights is None else load_weights(values.weights)
    genotype = weights.genotype if weights and values.model is None else None
    genotype = genotype or Genotype.load(values.model)
    if weights and (differing := difference(genotype, weights.genotype)):
        raise InputError(
            f"--model={values.model}: another net than that of {values.weights} ({differing}); "
            "leave --model out to verify the net that is named there"
        )
    if values.source is not None:
        variables = read_variables(values.source, genotype, use_ema=values.use_ema)
    elif weights:
        variables = tf_from_state_dict(weights.state_dict, genotype)
    else:
        variables = seeded_variables(genotype, values.num_classes, values.seed)
    if weights:
        net = weights.build(max_pool_predictions=values.max_pool_predictions)
        if len(variables["dense/bias"]) != net.num_classes:
            raise InputError(
                f"{values.weights} has {net.num_classes} classes, {values.source} "
                f"{len(variables['dense/bias'])}; give the weights converted from that source"
            )
    else:
        net = converted(genotype, variables, values.max_pool_predictions)
    return Subject(
        name=Path(values.model or values.weights).stem,
        genotype=genotype,
        variables=variables,
        net=net,
        seed=values.seed,
        batch=values.batch,
        height=values.height,
        width=values.width,
        about={"source": values.source, "weights": values.weights, "versions": versions()},
    )


def _run(subject: "Subject", level: str, also: Sequence[str]) -> "Report":
    """The port, with all its taps; then what the level adds, with what fails."""
    from verify.tvn.levels import Comparer, converted, further, inference_spec
    from verify.tvn.table import print_taps, print_verdict

    spec = inference_spec(subject)
    with closing(Comparer(subject)) as comparer:
        report = comparer.compare(spec)
        print_taps(report.taps)
        print_verdict(report)
        if not report.passed:
            comparer.close()  # the diagnosis needs the memory
            heads = subject.net.max_pool_predictions
            report = _explained(spec, report, converted(subject.genotype, subject.variables, heads))
        judges = further(subject, level, comparer)
        outcomes, skipped = _judge_further(subject, judges, report.passed)
    if also and not report.passed:
        skipped |= dict.fromkeys(also, "the port itself failed")
        say(f"not judged, since the port itself failed: {', '.join(also)}")
    for name in also if report.passed else ():
        outcomes[name] = _judge(name, spec)
        print_verdict(outcomes[name])
    return replace(report, further=outcomes, about=report.about | {"not judged": skipped})


def _judge_further(
    subject: "Subject", judges: "Mapping[str, Callable[[], Outcome]]", explains: bool
) -> "tuple[dict[str, Outcome], dict[str, str]]":
    """What came of each, and why some could not be; `explains`: with why training fails."""
    from verify.tvn.levels import explained
    from verify.tvn.table import print_verdict

    outcomes: dict[str, Outcome] = {}
    skipped: dict[str, str] = {}
    for name, judge in judges.items():
        try:
            outcome = judge()
        except InputError as error:
            skipped[name] = str(error)
            say(f"not judged: {name}: {error}")
            continue
        print_verdict(outcome)
        outcomes[name] = explained(subject, outcome) if explains else outcome
        _print_why(outcomes[name])
    return outcomes, skipped


def _judge(name: str, spec: "PortSpec") -> "Outcome":
    from verify import verify
    from verify.tvn.low_precision import verify_bfloat16
    from verify.tvn.table import print_taps, run_with_progress
    from verify.tvn.variants import variant

    if name == BFLOAT16:
        return verify_bfloat16(spec)
    changed = variant(name, spec)
    report = run_with_progress(changed, lambda watch: verify(changed, watch=watch))
    if failing := [tap for tap in report.taps if not tap.passed]:
        print_taps(failing)
    return report


def _variants(values: flags.FlagValues) -> list[str]:
    """What --also and the level ask for; ONNX Runtime needs to be there before the work starts."""
    names = list(values.also)
    if not names and values.level != "full":
        return []
    from verify.tvn.variants import VARIANTS

    known = [*VARIANTS, BFLOAT16]
    if values.level == "full":
        names += known
    for name in names:
        if name not in known:
            raise InputError(f"--also={name}: no such variant; there are {', '.join(known)}")
        if name.startswith("onnx") and find_spec("onnxruntime") is None:
            raise InputError(f"--also={name} needs onnxruntime: pip install 'tvn-port[onnx]'")
    return list(dict.fromkeys(names))
