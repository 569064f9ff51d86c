"""A spec to start from: of plain layers it passes at once; else it says what is to be written."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from port import InputError
from verify import Report, compare_layers, load_spec, start_spec


def gated() -> keras.Model:
    """What is read twice, padding of strides, activations inside of layers, a flattened image."""
    x = image = layers.Input((9, 12, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="class")(x)
    x = layers.BatchNormalization(name="stem.bn")(x)
    x = layers.Activation("relu6", name="x")(x)
    x = layers.DepthwiseConv2D(5, strides=2, padding="same", depth_multiplier=2, name="dw")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(16, 1, activation="hard_sigmoid", name="gate")(gate)
    x = layers.Multiply()([x, gate])
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


def chain() -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((16, 15, 1)),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(3, 2, padding="same"),
            layers.Conv2D(4, 2, padding="same", dilation_rate=2),
            layers.ReLU(6.0),
            layers.AveragePooling2D(2),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(6, activation="gelu"),
            layers.BatchNormalization(scale=False, center=False),
            layers.LayerNormalization(),
            layers.Dense(3),
        ]
    )


def two_of_each() -> keras.Model:
    """Two inputs, two outputs, and a layer that works twice."""
    left, right = layers.Input((8, 6, 3), name="left"), layers.Input((8, 6, 3), name="right")
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    y = layers.Concatenate()([shared(left), shared(right)])
    y = layers.UpSampling2D(2)(layers.ZeroPadding2D(((1, 0), (0, 2)))(y))
    y = layers.GlobalMaxPooling2D()(y)
    return keras.Model([left, right], [layers.Dense(2, name="one")(y), layers.Dense(3)(y)])


def words() -> keras.Model:
    """An LSTM, of which there is no line."""
    x = tokens = layers.Input((None,), dtype="int32")
    x = layers.LSTM(6, name="lstm")(layers.Embedding(50, 8, name="embedding")(x))
    return keras.Model(tokens, layers.Dense(2, name="classes")(x))


def judged(spec: Path) -> Report:
    return compare_layers(load_spec(spec))


@pytest.mark.parametrize("build", [gated, chain, two_of_each])
def test_of_plain_layers_it_is_the_right_port(
    build: Callable[[], keras.Model], tmp_path: Path
) -> None:
    build().save(tmp_path / "model.keras")
    (tmp_path / "specs").mkdir()
    spec = tmp_path / "specs" / "my_port.py"
    start = start_spec(tmp_path / "model.keras", spec)
    assert start.missing == () and start.layers > 5
    report = judged(spec)
    assert report.passed and not report.about.stopped


def test_each_wrong_line_of_it_would_be_found(tmp_path: Path) -> None:
    gated().save(tmp_path / "model.keras")
    start_spec(tmp_path / "model.keras", tmp_path / "right.py")
    text = (tmp_path / "right.py").read_text()
    for right, wrong in (
        ("eps=0.001", "eps=0.002"),
        ("sides = [total // 2, total - total // 2", "sides = [total - total // 2, total // 2"),
        (".permute(0, 2, 3, 1)", ""),
    ):
        assert right in text
        (tmp_path / "wrong.py").write_text(text.replace(right, wrong))
        assert not judged(tmp_path / "wrong.py").passed, wrong


def test_what_is_not_plain_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    words().save(tmp_path / "words.keras")
    spec = tmp_path / "my_port.py"
    start = start_spec(tmp_path / "words.keras", spec)
    assert start.missing == ("lstm: LSTM, which reads ?×?×8",)
    report = judged(spec)
    assert not report.passed and report.first_failure == "classes"
    assert "lstm: LSTM: to be written in Port; it reads (2, 32, 8)" in str(report.about.stopped)
    text = spec.read_text()
    assert "lstm       LSTM       ?×6" in text and "recurrent_kernel 6×24" in text
    # Written, but not taken off the list of what is not.
    written = text.replace('todo("lstm: LSTM", x)', "self.lstm(x)[0][:, -1]").replace(
        "self.classes =", "self.lstm = nn.LSTM(8, 6, batch_first=True)\n        self.classes ="
    )
    spec.write_text(written)
    with pytest.raises(InputError, match="lstm"):
        load_spec(spec)
    spec.write_text(written.replace('without=["lstm/*"],', ""))
    assert judged(spec).passed


def test_a_saved_model_gives_layers_inputs_and_signature(tmp_path: Path) -> None:
    gated().export(tmp_path / "saved", verbose=False)
    spec = tmp_path / "my_port.py"
    start_spec(tmp_path / "saved", spec)
    report = judged(spec)
    assert not report.passed and report.first_failure == "class"
    assert "forward, of the layers that __init__ lists" in str(report.about.stopped)
    text = spec.read_text()
    assert "self.dw = nn.Conv2d(" in text and "probe_input((2, 9, 12, 3))" in text
    assert 'saved_model(MODEL, "serving_default", seed=0)' in text


GRAPH = """def build():
    import tensorflow as tf

    v1 = tf.compat.v1
    image = v1.placeholder(tf.float32, (None, 8, 8, 3))
    x = tf.nn.conv2d(image, v1.get_variable("net/conv/kernel", (3, 3, 3, 4)), 1, "SAME")
    x = tf.matmul(tf.reduce_mean(x, (1, 2)), v1.get_variable("net/fc/weights", (4, 5)))
    return image, x

"""


@pytest.fixture
def tf1_weights(tmp_path: Path) -> Path:
    """A folder with `model.ckpt` and two hub modules, `hub` and, of two graphs, `tagged`."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, (None, 8, 8, 3))
        x = tf.nn.conv2d(image, v1.get_variable("net/conv/kernel", (3, 3, 3, 4)), 1, "SAME")
        x = tf.matmul(tf.reduce_mean(x, (1, 2)), v1.get_variable("net/fc/weights", (4, 5)))
        v1.get_variable("global_step", (), tf.int64, v1.zeros_initializer())
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(tmp_path / "model.ckpt"))
        signature = v1.saved_model.predict_signature_def({"images": image}, {"default": x})
        for name, others in (("hub", ()), ("tagged", ("train",))):
            builder = v1.saved_model.Builder(str(tmp_path / name))
            builder.add_meta_graph_and_variables(session, [], {"default": signature})
            for tag in others:
                builder.add_meta_graph([tag], {"default": signature})
            builder.save()
    return tmp_path


def test_a_hub_module_is_a_saved_model_with_a_signature_of_its_own(tf1_weights: Path) -> None:
    spec = tf1_weights / "hub_port.py"
    start_spec(tf1_weights / "hub", spec)
    text = spec.read_text()
    assert 'saved_model(MODEL, "default", seed=0)' in text and "def forward(self, images" in text
    right = text.replace(
        'return todo("forward, of the layers that __init__ lists", images)',
        "return self.net_fc(self.net_conv(images).mean((2, 3)))",
    ).replace("(3, 3), bias", '(3, 3), padding="same", bias')
    assert not judged(spec).passed
    spec.write_text(right)
    assert judged(spec).passed


@pytest.mark.parametrize("name", ["model.ckpt", "tagged"])
def test_weights_alone_ask_for_the_graph(name: str, tf1_weights: Path) -> None:
    spec = tf1_weights / "my_port.py"
    start = start_spec(tf1_weights / name, spec)
    assert any(what.startswith("build(), the graph") for what in start.missing)
    assert "self.net_conv = nn.Conv2d(3, 4, (3, 3), bias=False)" in spec.read_text()
    assert start.layers == 2  # without the counter of steps, which no layer has
    with pytest.raises(InputError, match=r"my_port.py.*build\(\) is to be written"):
        load_spec(spec)
    head, _, rest = spec.read_text().partition("def build():")
    written = f"{head}{GRAPH}\n\ndef todo{rest.partition('def todo')[2]}"
    spec.write_text(written.replace("(2, 32, 32, 3)", "(2, 8, 8, 3)"))
    assert "to be written in Port" in str(judged(spec).about.stopped)


def test_bad_requests_are_refused_in_a_line(tmp_path: Path) -> None:
    gated().save(tmp_path / "model.keras")
    unbuilt = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten()])
    unbuilt.save(tmp_path / "unbuilt.keras")
    start_spec(tmp_path / "unbuilt.keras", tmp_path / "unbuilt.py")
    assert "inputs' shape" in (tmp_path / "unbuilt.py").read_text()
    np.savez(tmp_path / "a.npz", **{"fc/kernel": np.zeros((3, 4))})
    there = tmp_path / "there.py"
    there.write_text("mine")
    for model, output, said in (
        ("model.keras", "there.py", "is there already"),
        ("model.keras", "port", "name of a Python file"),
        ("none.keras", "new.py", "no such file"),
        ("none", "new.py", "no such file"),
        ("there.py", "new.py", "is no checkpoint"),
    ):
        with pytest.raises(InputError, match=said) as refused:
            start_spec(tmp_path / model, tmp_path / output)
        assert "\n" not in str(refused.value)
    assert there.read_text() == "mine" and not (tmp_path / "new.py").exists()
