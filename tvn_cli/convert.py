"""`tvn convert`: TensorFlow weights to safetensors, or back with --to_tensorflow."""

import json
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from port.errors import InputError
from tvn_cli.main import no_arguments, required

USAGE = """tvn convert --model=M --source=PATH --output=W.safetensors
tvn convert --to_tensorflow --source=W.safetensors --output=PREFIX"""


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    text, switch = flags.DEFINE_string, flags.DEFINE_bool
    text("model", None, "a published name or a genotype JSON file", flag_values=values)
    text("source", None, "a TensorFlow checkpoint (prefix, .index or folder), SavedModel, "
         "TF-Hub module, .tar.gz of one, or .npz", flag_values=values)  # fmt: skip
    text("output", None, "the file to write (with --to_tensorflow: the checkpoint's prefix)",
         flag_values=values)  # fmt: skip
    text("class_names", None, "a text file with one class name a line, kept in the output",
         flag_values=values)  # fmt: skip
    text("prefix", None, "what stands in front of every name in the source; found by itself "
         "where only one will do", flag_values=values)  # fmt: skip
    switch("use_ema", False, "take the moving averages of the weights", flag_values=values)
    switch("to_tensorflow", False, "write a TensorFlow 1 checkpoint from a .safetensors file",
           flag_values=values)  # fmt: skip
    switch("json", False, "print the summary as JSON", flag_values=values)


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Convert one way or the other."""
    no_arguments(arguments)
    required(values, "source", "output")
    return _to_tensorflow(values) if values.to_tensorflow else _to_torch(values)


def _to_torch(values: flags.FlagValues) -> int:
    from port.convert import convert
    from port.genotype import Genotype

    required(values, "model")
    conversion = convert(
        values.source,
        Genotype.load(values.model),
        values.output,
        class_names=_class_names(values.class_names),
        use_ema=values.use_ema,
        prefix=values.prefix,
    )
    set_aside = conversion.selection.set_aside
    if values.json:
        summary = {
            "output": values.output,
            "num_classes": conversion.num_classes,
            "variables": len(conversion.rows),
            "parameters": conversion.num_parameters,
            "prefix": conversion.selection.prefix,
            "set_aside": set_aside,
            **conversion.about,
        }
        print(json.dumps(summary, indent=1))
        return 0
    print(
        f"{values.output}: {len(conversion.rows)} variables, {conversion.num_parameters:,} "
        f"parameters, {conversion.num_classes} classes, from a {conversion.about['source']}"
    )
    if conversion.selection.prefix:
        print(f"names stand under {conversion.selection.prefix!r} there")
    if set_aside:
        print(f"set aside, {len(set_aside)} tensors that are no part of the model:")
        for name, why in set_aside.items():
            print(f"  {name}: {why}")
    return 0


def _to_tensorflow(values: flags.FlagValues) -> int:
    from port.transfer import tf_from_state_dict
    from port.weights import load_weights
    from verify.to_tensorflow import write_checkpoint

    weights = load_weights(values.source)
    variables = tf_from_state_dict(weights.state_dict, weights.genotype)
    write_checkpoint(values.output, weights.genotype, variables)
    print(f"{values.output}: {len(variables)} variables, a TensorFlow 1 checkpoint")
    return 0


def _class_names(path: str | None) -> list[str] | None:
    if path is None:
        return None
    try:
        return [line for line in Path(path).read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: --class_names must name a readable text file") from None
