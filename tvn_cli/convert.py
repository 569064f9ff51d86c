"""`tvn convert`: TensorFlow weights to safetensors, or back with --to_tensorflow."""

import json
from collections.abc import Sequence

from absl.flags import FlagValues

from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say, say_json

USAGE = """tvn convert --source=PATH --output=W.safetensors [--model=M]
tvn convert --to_tensorflow --source=W.safetensors --output=PREFIX
tvn convert --to_tensorflow --format=saved_model --source=W.safetensors --output=DIR"""


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.text("model", "a published name or a genotype JSON file; auto recognises a published net "
               "by its variables", "auto")  # fmt: skip
    flags.text("source", "a TensorFlow checkpoint (prefix, .index or folder), SavedModel, TF-Hub "
               "module, .tar.gz of one, or .npz")  # fmt: skip
    flags.text("output", "the file to write (with --to_tensorflow: the checkpoint's prefix)")
    flags.text("class_names", "a text file with one class name a line, kept in the output")
    flags.prefix()
    flags.use_ema()
    flags.switch("to_tensorflow", "the other way: from a .safetensors file to TensorFlow")
    flags.choice("format", ("checkpoint", "saved_model"), "what --to_tensorflow writes")
    flags.size("of a SavedModel's frames in pixels; the net's own if left out")
    flags.max_pool_predictions("a SavedModel with the head that pools over frames")
    flags.allow_unverified("with --to_tensorflow: go on from")
    flags.switch("json", "print the summary as JSON")
    flags.verbose("list every tensor that is set aside")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Convert one way or the other."""
    no_arguments(arguments, "source")
    required(values, "source", "output")
    return _to_tensorflow(values) if values.to_tensorflow else _to_torch(values)


def _to_torch(values: FlagValues) -> int:
    from port.convert.class_names import read_class_names
    from port.convert.convert_weights import convert_weights
    from tvn_cli.screen.conversion import show_conversion

    conversion = convert_weights(
        values.source,
        values.model,
        values.output,
        class_names=read_class_names(values.class_names) if values.class_names else None,
        use_ema=values.use_ema,
        prefix=values.prefix,
    )
    if values.json:
        say_json(conversion.to_dict())
        return 0
    show_conversion(conversion, values.output, values.verbose)
    return 0


def _to_tensorflow(values: FlagValues) -> int:
    from port.atomic import write_text
    from port.certificate import check_certificate
    from port.convert.record import digest
    from port.convert.state_dict import tf_from_state_dict
    from port.convert.weights import load_weights
    from verify.tvn.to_tensorflow import write_checkpoint, write_saved_model

    weights = load_weights(values.source)
    verification = check_certificate(
        values.source, weights.genotype, allow_unverified=values.allow_unverified
    )
    variables = tf_from_state_dict(weights.state_dict, weights.genotype)
    if values.format == "saved_model":
        write_saved_model(
            values.output,
            weights.genotype,
            variables,
            height=values.height,
            width=values.width,
            max_pool_predictions=values.max_pool_predictions,
        )
        what = "a SavedModel (serving_default: video [batch, frames, H, W, 3] to logits)"
    else:
        write_checkpoint(values.output, weights.genotype, variables)
        what = "a TensorFlow 1 checkpoint"
    record = {
        "schema": "tvn-to-tensorflow/1",
        "weights": values.source,
        "verification": verification,
        "variables": {name: digest(value) for name, value in variables.items()},
    }
    write_text(f"{values.output}.conversion.json", json.dumps(record, indent=1))
    say(f"{values.output}: {len(variables)} variables, {what}")
    return 0
