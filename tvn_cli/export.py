"""`tvn export`: a weights file to ONNX."""

from collections.abc import Sequence
from pathlib import Path

from absl.flags import FlagValues

from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say

USAGE = "tvn export --weights=W.safetensors --output=M.onnx"


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.text("weights", "the weights file")
    flags.text("output", "the ONNX file to write")
    flags.size()
    flags.switch("dynamic_size", "leave height and width open; takes minutes")
    flags.max_pool_predictions()
    flags.allow_unverified("export")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Export, and say what the file takes and gives."""
    no_arguments(arguments, "weights")
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
