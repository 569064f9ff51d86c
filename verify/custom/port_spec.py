"""A `PortSpec` of anybody's port, from its original, the torch module, and an input."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.export import ExportedProgram

from port.errors import InputError
from verify.custom.layouts.guess import likely_layout
from verify.custom.layouts.layout import Layout
from verify.custom.layouts.nested import by_name, in_one_line, told
from verify.custom.matching.by_value import rows_by_value
from verify.custom.matching.correspondence import Correspondence
from verify.custom.matching.follow import follow
from verify.custom.matching.other_values import own_values
from verify.custom.matching.output_layouts import OutputLayouts, look_at_outputs
from verify.custom.matching.pair import Pair
from verify.custom.matching.refuse import (
    converted_by,
    refuse_inputs,
    refuse_kinds,
    refuse_module,
    refuse_truths,
    where_it_stops,
)
from verify.custom.matching.said import (
    Table,
    given_by,
    layouts_of_outputs,
    load_converted,
    refuse_idle,
    refuse_unused,
)
from verify.custom.matching.settle import settle
from verify.custom.matching.weights import differing, load
from verify.custom.module.casts import notes_on_casts
from verify.custom.module.compiled import (
    has_training_mode,
    is_compiled,
    prepared,
    refuse_fixed_precision,
)
from verify.custom.module.constants import notes_on_constants, write_out_constants
from verify.custom.module.torch_module import Forward, ModulePort, forward
from verify.custom.originals.original import AnyOriginal, Call, outputs_of
from verify.custom.probing.judges import Matched, explain_probe, judges_of
from verify.custom.probing.unseen import list_unseen
from verify.custom.training.diagnose import diagnose_own_training
from verify.custom.training.level import judges_of_training
from verify.custom.training.sides import Losses, Penalty, Sides, training_spec
from verify.diagnosis.cause import Repair
from verify.diagnosis.diagnose import diagnose
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.plan import Judge, PortPlan, judge_no_more
from verify.reports.outcome import Explanation
from verify.reports.report import Report
from verify.reports.training_report import TrainingReport
from verify.specs.about import About
from verify.specs.spec import Stage
from verify.specs.training_spec import TrainingSpec

BY_FUNCTION = "converted by your function"
Convert = Callable[[Mapping[str, np.ndarray]], Mapping[str, Tensor]]


def port_spec(
    name: str,
    original: AnyOriginal,
    port: nn.Module | ExportedProgram,
    inputs: Any,
    *,
    layers: Mapping[str, str] | None = None,
    weights: Table | Convert | None = None,
    taps: Mapping[str, str | tuple[str, str] | None] | None = None,
    input_layouts: Mapping[str, str] | None = None,
    output_layouts: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    port_only: Sequence[str] = (),
    forward: Forward = forward,
    loaded: bool = False,
    penalty: Penalty | None = None,
    loss: Losses | None = None,
) -> PortPlan:
    """The comparison of a torch module with its original.

    What is not given is found out, see `verify.custom.matching.matcher`, and listed in the report.

    Args:
        name: what the report is headed with.
        original: such as a `KerasModel`.
        port: the module to judge; a copy of it gets the original's weights. TorchScript will do,
            and a program of `torch.export`.
        inputs: of the original, in its layout: one array, or several in a dict or a list, which
            may be nested. Each is called by its key or number; inside of another, `a/b`.
        layers: a layer's name to the path of the module that has its weights.
        weights: a variable's name to the key of a tensor in the port's state dict, or to
            `(key, layout)`; or a function of your own from variables, in float64, to a state
            dict. What it computes should stay in float64.
        taps: a layer's name to the path of the module that computes the same, or to
            `(path, layout)`, or to None where there is no such module. `path#2` is its second call.
        input_layouts: by name; NHWC becomes NCHW, and NTHWC becomes NCTHW, if not given.
        output_layouts: by tap, `output` or `output/name`. An output may lie in the port as in the
            original, with channels first if it has four axes or five, or as an input of as many
            axes does. Any other layout fails if it is not given.
        without: patterns of variables that the port has no place for.
        port_only: patterns of the port's tensors that are none of the original's variables.
        forward: calls the port on its inputs by name, if neither its arguments' names nor their
            order do; and picks or names what it returns, if its outputs are not the original's in
            name or order.
        loaded: the port has its weights already; they are compared, bit for bit.
        penalty: what the port adds to its loss in training, where the original's layers do.
        loss: the loss of a training step, as `(original's, port's)`: functions of what either
            returns, to one number. If not given, it is the sum of all outputs, each number times a
            weight of its own.

    Layouts are written as einops patterns from the original to the port, see `Layout`.

    Raises:
        InputError: a name is unknown, or weights are left over on either side.
    """
    tables = {"layers": layers, "taps": taps, "weights": weights}
    tables |= {"input_layouts": input_layouts, "output_layouts": output_layouts}
    refuse_kinds(original, tables, {"without": without, "port_only": port_only})
    if loss is not None and not (
        isinstance(loss, tuple | list) and [*map(callable, loss)] == [True] * 2
    ):
        raise InputError("loss: give two functions, (original's, port's), of what each returns")
    inputs = _named(inputs)
    layouts = {n: likely_layout(a.ndim, a.ndim) for n, a in inputs.items()}
    layouts |= {n: Layout.parse(text) for n, text in (input_layouts or {}).items()}
    if unknown := layouts.keys() - inputs.keys():
        raise InputError(f"input_layouts: there is no input {', '.join(map(repr, unknown))}")
    refuse_inputs(inputs, layouts)
    table, converted = _split(weights)
    refuse_module(port, may_be_float64=converted is not None)
    module = prepared(port)
    write_out_constants(module)
    if converted is not None:
        if loaded:
            raise InputError("loaded: the weights of your function would replace what is loaded")
        load_converted(module, converted_by(converted, _in_float64(original.variables)))
    refuse_idle("without", without, original.variables)
    refuse_idle("port_only", port_only, module.state_dict())
    calls = original.calls(inputs)
    infinite = refuse_truths(calls)
    given = given_by(
        calls, inputs, original.variables, module, layers, table, taps, without, port_only
    )
    said_layouts = {**given.layouts, **layouts_of_outputs(output_layouts or {}, calls)}
    given = replace(given, layouts=said_layouts, loaded=loaded, converted=converted is not None)
    said = tuple(tap for tap, place in given.places.items() if place)
    pair = Pair(original, module, forward, layouts, inputs, said)
    followed = copy.deepcopy(module).double()
    try:
        if is_compiled(module):
            refuse_fixed_precision(followed, pair.run)
        found = follow(followed, calls, original.variables, given, pair.run)
    except InputError:
        raise
    except Exception as error:  # of the user's own code
        told_inputs = told({n: layouts[n].to_port(a) for n, a in inputs.items()})
        place = where_it_stops(copy.deepcopy(module).double(), pair.run)
        at = f", in {place}" if place else ""
        raise InputError(
            f"the port does not run on {told_inputs}{at}: {in_one_line(error)}; say how it is "
            "called: forward=lambda port, x: port(…)"
        ) from error
    correspondence = Correspondence(found, calls)
    refuse_unused(given, found, calls)
    if converted is not None:
        correspondence = Correspondence(replace(found, rows=[]), calls, BY_FUNCTION)
    else:
        correspondence.refuse_leftovers(module, original.variables, without, port_only)
        if not loaded:
            correspondence = settle(correspondence, followed, original.variables, pair.run)
            load(module, correspondence.rows, original.variables)
    correspondence = pair.confirm(correspondence)
    outputs = look_at_outputs(correspondence.places, layouts.values(), said_layouts)
    other = differing(module, correspondence.rows, original.variables)
    sides = Sides(
        original.trainer,
        original.trainable,
        {name: value.shape for name, value in original.variables.items()},
        module,
        forward,
        rows_by_value(module, original.variables) if converted is not None else correspondence.rows,
        layouts,
        {tap: correspondence.places[tap] for tap in outputs_of(calls)},
        original.learns_statistics,
        has_training_mode(port),
        original.penalised,
        penalty,
        loss,
    )
    made = ModulePort(module, outputs.judged(correspondence.places), layouts, forward)
    matched = Matched(name, pair, correspondence, not (loaded or converted))
    training = _training(name, sides, inputs, calls) if sides.trainable else None
    return PortPlan(
        name=name,
        stages=[Stage("net", tuple(inputs), tuple(correspondence.places))],
        original=partial(original.runner, inputs=tuple(inputs)),
        port=made,
        inputs=inputs,
        other_weights=correspondence.by_tap(other),
        guessed=correspondence.guessed(said),
        about=About(
            input={n: a.shape for n, a in inputs.items()},
            matching=replace(
                correspondence.summarise(module, original.variables), outputs=outputs.lines
            ),
            stopped=made.stopped,
            not_shown=list(list_unseen(pair, calls, correspondence.places)),
            notes=[
                *original.notes,
                *infinite,
                *notes_on_constants(module),
                *notes_on_casts(copy.deepcopy(module).double(), pair.run),
            ],
        ),
        training=training,
        original_rounds=bool(original.rounded),
        levels={
            "inference": judge_no_more,
            "training": partial(judges_of_training, name, training),
            "probes": partial(judges_of, matched),
            "full": partial(_all_judges, name, matched, training),
        },
        explain_layers=partial(
            diagnose, further=partial(_further, calls, original.variables, outputs)
        ),
        explain_further=partial(explain_probe, matched),
        explain_training=partial(_explain_training, training),
    )


def _all_judges(name: str, matched: Matched, training: TrainingSpec | None) -> Mapping[str, Judge]:
    """All there is, without the training of what cannot be trained."""
    trains = {} if training is None else judges_of_training(name, training)
    return {**judges_of(matched), **trains}


def _further(
    calls: Sequence[Call],
    variables: Mapping[str, np.ndarray],
    outputs: OutputLayouts,
    view: LayerView,
) -> Iterator[Repair]:
    """Repairs of a layer which take more than its module to know."""
    yield from own_values(calls, variables, view)
    yield from outputs.repairs(view)


def _explain_training(
    training: TrainingSpec | None, layers: Report, trained: TrainingReport
) -> Explanation:
    assert training is not None
    return diagnose_own_training(training)


def _training(
    name: str, sides: Sides, inputs: Mapping[str, np.ndarray], calls: Sequence[Call]
) -> TrainingSpec:
    outputs = {tap: call.value for tap, call in outputs_of(calls).items()}
    return training_spec(name, sides, dict(inputs), outputs)


def _named(inputs: Any) -> dict[str, np.ndarray]:
    """The user's inputs by name."""
    named = by_name(inputs, lambda value: hasattr(value, "shape") and hasattr(value, "dtype"))
    arrays = {name or "input": np.asarray(array) for name, array in named.items()}
    if not arrays or any(array.dtype.kind not in "fiub" for array in arrays.values()):
        raise InputError(
            "inputs: give a numpy array of numbers, or several by name or in order: "
            "{'image': array, 'tokens': array}"
        )
    return arrays


def _in_float64(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """So that what a function computes of them, such as a folded norm, keeps all digits."""
    return {n: v.astype(np.float64) if v.dtype.kind == "f" else v for n, v in variables.items()}


def _split(weights: Table | Convert | None) -> tuple[Table, Convert | None]:
    """Either a table or a function."""
    if weights is None or isinstance(weights, Mapping):
        return weights or {}, None
    return {}, weights
