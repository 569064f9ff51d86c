"""`tvn convert`: TensorFlow weights to safetensors, or back with --to_tensorflow."""

import json
from collections.abc import Sequence

from absl import flags

from port.errors import InputError
from port.untrusted import MIB, read_text
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say, say_json

NAME_LENGTH = 255  # characters of a class's name, which may be a folder's
USAGE = """tvn convert --source=PATH --output=W.safetensors [--model=M]
tvn convert --to_tensorflow --source=W.safetensors --output=PREFIX
tvn convert --to_tensorflow --format=saved_model --source=W.safetensors --output=DIR"""


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    text, switch = flags.DEFINE_string, flags.DEFINE_bool
    text("model", "auto", "a published name or a genotype JSON file; auto recognises a published "
         "net by its variables", flag_values=values)  # fmt: skip
    text("source", None, "a TensorFlow checkpoint (prefix, .index or folder), SavedModel, "
         "TF-Hub module, .tar.gz of one, or .npz", flag_values=values)  # fmt: skip
    text("output", None, "the file to write (with --to_tensorflow: the checkpoint's prefix)",
         flag_values=values)  # fmt: skip
    text("class_names", None, "a text file with one class name a line, kept in the output",
         flag_values=values)  # fmt: skip
    text("prefix", None, "what stands in front of every name in the source; found by itself "
         "where only one will do", flag_values=values)  # fmt: skip
    switch("use_ema", False, "take the moving averages of the weights", flag_values=values)
    switch("to_tensorflow", False, "the other way: from a .safetensors file to TensorFlow",
           flag_values=values)  # fmt: skip
    flags.DEFINE_enum("format", "checkpoint", ["checkpoint", "saved_model"],
                      "what --to_tensorflow writes", flag_values=values)  # fmt: skip
    for name in ("height", "width"):
        flags.DEFINE_integer(name, None, "of a SavedModel's frames in pixels; the net's own if "
                             "left out", lower_bound=1, flag_values=values)  # fmt: skip
    switch("max_pool_predictions", False, "a SavedModel with the head that pools over frames",
           flag_values=values)  # fmt: skip
    switch("allow_unverified", False, "with --to_tensorflow: go on from weights that `tvn verify` "
           "has not passed, and record that", flag_values=values)  # fmt: skip
    switch("json", False, "print the summary as JSON", flag_values=values)


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Convert one way or the other."""
    no_arguments(arguments)
    required(values, "source", "output")
    return _to_tensorflow(values) if values.to_tensorflow else _to_torch(values)


def _to_torch(values: flags.FlagValues) -> int:
    from port.convert.convert_weights import convert_weights
    from port.convert.record import report_path

    conversion = convert_weights(
        values.source,
        values.model,
        values.output,
        class_names=_class_names(values.class_names),
        use_ema=values.use_ema,
        prefix=values.prefix,
    )
    if values.json:
        say_json(conversion.to_dict())
        return 0
    say(
        f"{values.output}: {len(conversion.rows)} variables, {conversion.num_parameters:,} "
        f"parameters, {conversion.num_classes} classes, from a {conversion.about['source']}"
    )
    selection = conversion.selection
    if selection.prefix:
        say(f"names stand under {selection.prefix!r} there")
    if selection.set_aside:
        say(f"set aside, {len(selection.set_aside)} tensors that are no part of the model:")
        for name, why in selection.set_aside.items():
            say(f"  {name}: {why}")
    say(f"{report_path(values.output)}: what went where, with digests before and after")
    return 0


def _to_tensorflow(values: flags.FlagValues) -> int:
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


def _class_names(path: str | None) -> list[str] | None:
    if path is None:
        return None
    names = [
        line for line in read_text(path, MIB, "a list of classes").splitlines() if line.strip()
    ]
    for name in names:
        if len(name) > NAME_LENGTH:
            raise InputError(
                f"{path}: a class's name of {len(name):,} characters; at most {NAME_LENGTH}"
            )
    return names
