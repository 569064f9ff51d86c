"""`tvn export`: a weights file to ONNX."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say

USAGE = "tvn export --weights=W.safetensors --output=M.onnx"


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    text, number, switch = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_bool
    text("weights", None, "the weights file", flag_values=values)
    text("output", None, "the ONNX file to write", flag_values=values)
    number("height", None, "of the frames in pixels; the net's own if left out", lower_bound=1,
           flag_values=values)  # fmt: skip
    number("width", None, "of the frames in pixels; the net's own if left out", lower_bound=1,
           flag_values=values)  # fmt: skip
    switch("dynamic_size", False, "leave height and width open; takes minutes",
           flag_values=values)  # fmt: skip
    switch("max_pool_predictions", False, "take the head that pools over frames",
           flag_values=values)  # fmt: skip
    switch("allow_unverified", False, "export weights that `tvn verify` has not passed, and record "
           "that", flag_values=values)  # fmt: skip


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Export, and say what the file takes and gives."""
    no_arguments(arguments)
    required(values, "weights", "output")
    from port.certificate import check_certificate
    from port.convert.weights import load_weights
    from port.export import export_onnx

    weights = load_weights(values.weights)
    verification = check_certificate(
        values.weights, weights.genotype, allow_unverified=values.allow_unverified
    )
    net = weights.build(max_pool_predictions=values.max_pool_predictions)
    clip = weights.genotype.clip
    height, width = values.height or clip.image_size, values.width or clip.image_size
    export_onnx(
        net,
        values.output,
        height=height,
        width=width,
        dynamic_size=values.dynamic_size,
        about=weights.about | {"verification": verification},
    )
    size = "height, width" if values.dynamic_size else f"{height}, {width}"
    say(
        f"{values.output}: video [batch, 3, {clip.num_frames}, {size}] to logits "
        f"[batch, {net.num_classes}], {Path(values.output).stat().st_size / 1e6:.1f} MB"
    )
    return 0
