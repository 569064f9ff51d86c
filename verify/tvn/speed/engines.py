"""The engines: what each needs, what is made for it beforehand, and the function that it runs.

`prepare` writes files once; `load` runs in a fresh process and gives clips to logits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from verify.tvn.speed.job import Job

Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """One way to run a net.

    Attributes:
        load: in a fresh process: from clips `[B, 3, T, H, W]` to logits.
        needs: packages, by the names under which they are imported.
        prepare: writes what `load` reads, unless it is there.
        exact: the logits are float32's; else bfloat16 rounded on the way.
        ours: runs the port by what this toolkit brings; else what it is held against.
    """

    load: Callable[[Job], Run]
    needs: tuple[str, ...] = ()
    prepare: Callable[[Job], object] = lambda job: None
    exact: bool = True
    ours: bool = False

    @property
    def missing(self) -> list[str]:
        """What of it is not installed."""
        return [name for name in self.needs if find_spec(name) is None]


def _torch(**options: Any) -> Callable[[Job], Run]:
    def load(job: Job) -> Run:
        import torch

        from port.memory import keep_freed_memory
        from port.optimize.optimize import optimize

        keep_freed_memory()
        torch.set_num_threads(job.threads)
        net = job.net()
        if options:
            kinds = {key: getattr(torch, value) if key == "dtype" else value
                     for key, value in options.items() if key != "optimize"}  # fmt: skip
            net = optimize(net, **kinds)

        def run(clips: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                logits: np.ndarray = net(torch.from_numpy(clips)).numpy()
            return logits

        return run

    return load


def _export(job: Job) -> Path:
    """The port's ONNX file, as `tvn export` writes it."""
    from port.export import export_onnx

    path = job.folder / "port.onnx"
    if not path.exists():
        export_onnx(job.net(), path)
    return path


def _freeze(job: Job) -> Path:
    """The original as a frozen graph for this many clips, `clips` to `logits`."""
    from port.convert.state_dict import tf_from_state_dict
    from port.convert.weights import load_weights
    from verify.runners.tensorflow import import_tensorflow
    from verify.tvn.original import import_original

    path = job.folder / f"frozen-{job.batch}.pb"
    if not path.exists():
        tf = import_tensorflow()
        tf.get_logger().setLevel("ERROR")  # it calls deprecated what frozen graphs are made by
        held = load_weights(job.weights)
        variables = tf_from_state_dict(held.state_dict, held.genotype)
        text, classes = held.genotype.to_json(), held.num_classes
        with import_original()(text, classes, batch=job.batch) as original:
            original.load(variables)
            with original.graph.as_default():
                tf.identity(original.logits, "logits")
            frozen = tf.compat.v1.graph_util.convert_variables_to_constants(
                original.session, original.graph.as_graph_def(), ["logits"]
            )
        for node in frozen.node:
            if node.op == "PlaceholderWithDefault":  # where layers are fed in a comparison
                node.op = "Identity"
                node.attr["T"].CopyFrom(node.attr["dtype"])
                del node.attr["dtype"], node.attr["shape"]
        path.write_bytes(frozen.SerializeToString())
    return path


def _convert(job: Job) -> Path:
    """What tf2onnx makes of the frozen graph."""
    path = job.folder / f"tf2onnx-{job.batch}.onnx"
    if not path.exists():
        from verify.runners.tensorflow import import_tensorflow

        tf = import_tensorflow()
        import tf2onnx

        graph = tf.compat.v1.GraphDef.FromString(_freeze(job).read_bytes())
        model, _ = tf2onnx.convert.from_graph_def(
            graph, input_names=["clips:0"], output_names=["logits:0"], opset=17
        )
        path.write_bytes(model.SerializeToString())
    return path


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _onnxruntime(job: Job) -> Run:
    session = _session(_export(job), job.threads)
    return lambda clips: session.run(["logits"], {"video": clips})[0]


def _tf2onnx(job: Job) -> Run:
    session = _session(_convert(job), job.threads)
    return lambda clips: session.run(None, {"clips:0": np.moveaxis(clips, 1, -1)})[0]


def _tensorflow(job: Job) -> Run:
    from verify.runners.tensorflow import import_tensorflow

    v1 = import_tensorflow().compat.v1
    config = v1.ConfigProto(
        intra_op_parallelism_threads=job.threads, inter_op_parallelism_threads=1
    )
    graph = import_tensorflow().Graph()
    with graph.as_default():
        v1.import_graph_def(v1.GraphDef.FromString(_freeze(job).read_bytes()), name="")
    session = v1.Session(graph=graph, config=config)
    call = session.make_callable("logits:0", ["clips:0"])
    return lambda clips: call(np.ascontiguousarray(np.moveaxis(clips, 1, -1)))


def _openvino(precision: str) -> Callable[[Job], Run]:
    def load(job: Job) -> Run:
        import openvino

        core = openvino.Core()
        model = core.read_model(_export(job))
        model.reshape(list(job.clips().shape))
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": job.threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = core.compile_model(model, "CPU", settings)
        return lambda clips: np.array(compiled(clips)[0])

    return load


ONNX = ("onnx", "onnxscript")
TENSORFLOW = ("tensorflow",)
# The port's ONNX file is what `tvn export` writes; TensorFlow's is the original, frozen.
ENGINES = {
    "eager": Engine(_torch(), ours=True),
    "optimized": Engine(_torch(optimize=True), ours=True),
    "plain": Engine(_torch(optimize=True, units="plain"), ours=True),
    "compiled": Engine(_torch(optimize=True, compile=True), ours=True),
    "bfloat16": Engine(_torch(optimize=True, dtype="bfloat16"), exact=False, ours=True),
    "onnxruntime": Engine(_onnxruntime, (*ONNX, "onnxruntime"), _export),
    "openvino": Engine(_openvino("f32"), (*ONNX, "openvino"), _export),
    "tensorflow": Engine(_tensorflow, TENSORFLOW, _freeze),
    "tf2onnx": Engine(_tf2onnx, (*TENSORFLOW, "tf2onnx", "onnxruntime"), _convert),
    "openvino_bfloat16": Engine(_openvino("bf16"), (*ONNX, "openvino"), _export, exact=False),
}
