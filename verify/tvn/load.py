"""A subject out of files: TensorFlow weights, converted weights, or neither and a seed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from port.convert.convert_weights import read_variables
from port.convert.record import versions
from port.convert.state_dict import tf_from_state_dict
from port.convert.weights import load_weights
from port.errors import InputError
from port.genotype import Genotype
from port.which_net import difference
from verify.tvn.subject import Subject, build_port, seed_variables


def load_subject(
    model: str | None,
    source: str | None = None,
    weights: str | None = None,
    *,
    num_classes: int = 50,
    max_pool_predictions: bool = False,
    use_ema: bool = False,
    seed: int = 0,
    batch: int = 2,
    height: int | None = None,
    width: int | None = None,
) -> Subject:
    """What `tvn verify` compares.

    Args:
        model: a published name or the path of a genotype; may be None with `weights`.
        source: TensorFlow weights for the original; those of `weights`, or seeded ones, if None.
        weights: the converted weights to judge; converted from the original's if None.
        num_classes: of seeded weights.
        max_pool_predictions: which head.
        use_ema: take the moving averages of `source`.
        seed: of the clips, and of weights where they are drawn.
        batch: clips.
        height: of the frames in pixels; the net's own if None.
        width: likewise.

    Raises:
        InputError: a file is missing, damaged or of another net.
    """
    held = None if weights is None else load_weights(weights)
    genotype = held.genotype if held and model is None else Genotype.load(str(model))
    if held and (differing := difference(genotype, held.genotype)):
        raise InputError(
            f"--model={model}: another net than that of {weights} ({differing}); "
            "leave --model out to verify the net that is named there"
        )
    variables: Mapping[str, np.ndarray]
    if source is not None:
        variables = read_variables(source, genotype, use_ema=use_ema)
    elif held:
        variables = tf_from_state_dict(held.state_dict, genotype)
    else:
        variables = seed_variables(genotype, num_classes, seed)
    if held:
        net = held.build(max_pool_predictions=max_pool_predictions)
        if len(variables["dense/bias"]) != net.num_classes:
            raise InputError(
                f"{weights} has {net.num_classes} classes, {source} "
                f"{len(variables['dense/bias'])}; give the weights converted from that source"
            )
    else:
        net = build_port(genotype, variables, max_pool_predictions)
    return Subject(
        genotype,
        name=Path(str(model or weights)).stem,
        variables=variables,
        net=net,
        seed=seed,
        batch=batch,
        height=height,
        width=width,
        remarks={"source": source, "weights": weights, "versions": versions()},
    )
