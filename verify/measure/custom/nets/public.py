"""Ports that come from elsewhere: nets of Hugging Face's transformers, small by configuration."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from verify.measure.custom.net import Net

HIDDEN, HEADS, WIDE, TOKENS = 8, 2, 12, 19


def _configured(config: str, net: str, **values: Any) -> Callable[[], nn.Module]:
    """A net of transformers with a configuration of its own."""

    def make() -> nn.Module:
        import transformers

        torch.manual_seed(0)
        made: nn.Module = getattr(transformers, net)(getattr(transformers, config)(**values))
        return made.eval()

    return make


def resnet(keras: Any) -> Any:
    layers = keras.layers

    def conv(x: Any, name: str, filters: int, kernel: int, strides: int = 1) -> Any:
        pads = kernel // 2
        x = layers.ZeroPadding2D(pads, name=f"{name}_pad")(x) if pads else x
        x = layers.Conv2D(filters, kernel, strides, use_bias=False, name=f"{name}_convolution")(x)
        return layers.BatchNormalization(epsilon=1e-5, name=f"{name}_normalization")(x)

    x = image = layers.Input((24, 20, 3))
    x = layers.ReLU(name="embedder_relu")(conv(x, "embedder", 6, 7, 2))
    x = layers.ZeroPadding2D(1, name="pool_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pooler")(x)
    for stage, (filters, strides) in enumerate([(6, 1), (8, 2)]):
        y = layers.ReLU(name=f"stage{stage}_relu0")(conv(x, f"stage{stage}_0", filters, 3, strides))
        y = conv(y, f"stage{stage}_1", filters, 3)
        skip = conv(x, f"stage{stage}_shortcut", filters, 1, strides) if strides > 1 else x
        x = layers.ReLU(name=f"stage{stage}_relu1")(layers.Add(name=f"stage{stage}_add")([y, skip]))
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(5, name="classifier")(x))


RESNET = _configured(
    "ResNetConfig",
    "ResNetForImageClassification",
    embedding_size=6,
    hidden_sizes=[6, 8],
    depths=[1, 1],
    layer_type="basic",
    num_labels=5,
)


def _attended(layers: Any, x: Any, name: str, epsilon: float) -> Any:
    """Pre-norm attention and feed-forward, each with its skip."""
    y = layers.LayerNormalization(epsilon=epsilon, name=f"{name}_layernorm_before")(x)
    y = layers.MultiHeadAttention(HEADS, HIDDEN // HEADS, name=f"{name}_attention")(y, y)
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layers.LayerNormalization(epsilon=epsilon, name=f"{name}_layernorm_after")(x)
    y = layers.Dense(WIDE, name=f"{name}_intermediate")(y)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(HIDDEN, name=f"{name}_output")(y)
    return layers.Add(name=f"{name}_add2")([x, y])


def vit(keras: Any) -> Any:
    layers = keras.layers

    class Embeddings(layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, shape: Any) -> None:
            self.cls_token = self.add_weight(shape=(1, 1, HIDDEN), name="cls_token")
            size = (1, shape[1] + 1, HIDDEN)
            self.position_embeddings = self.add_weight(shape=size, name="position_embeddings")

        def call(self, x: Any) -> Any:
            token = keras.ops.repeat(self.cls_token, keras.ops.shape(x)[0], axis=0)
            return keras.ops.concatenate([token, x], axis=1) + self.position_embeddings

    x = image = layers.Input((8, 8, 3))
    x = layers.Conv2D(HIDDEN, 4, 4, name="projection")(x)
    x = layers.Reshape((4, HIDDEN), name="patches")(x)
    x = Embeddings(name="embeddings")(x)
    x = _attended(layers, x, "layer0", 1e-12)
    x = layers.LayerNormalization(epsilon=1e-12, name="layernorm")(x)
    return keras.Model(image, layers.Dense(5, name="classifier")(x[:, 0]))


VIT = _configured(
    "ViTConfig",
    "ViTForImageClassification",
    hidden_size=HIDDEN,
    num_hidden_layers=1,
    num_attention_heads=HEADS,
    intermediate_size=WIDE,
    image_size=8,
    patch_size=4,
    num_labels=5,
)


def convnext(keras: Any) -> Any:
    layers = keras.layers

    class Scale(layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, shape: Any) -> None:
            self.gamma = self.add_weight(shape=(shape[-1],), name="layer_scale_parameter")

        def call(self, x: Any) -> Any:
            return x * self.gamma

    x = image = layers.Input((16, 24, 3))
    x = layers.Conv2D(6, 4, 4, name="patch_embeddings")(x)
    x = layers.LayerNormalization(epsilon=1e-6, name="embeddings_layernorm")(x)
    for stage, width in enumerate((6, 8)):
        if stage:
            x = layers.LayerNormalization(epsilon=1e-6, name="downsampling_norm")(x)
            x = layers.Conv2D(width, 2, 2, name="downsampling_conv")(x)
        y = layers.DepthwiseConv2D(7, padding="same", name=f"stage{stage}_dwconv")(x)
        y = layers.LayerNormalization(epsilon=1e-6, name=f"stage{stage}_layernorm")(y)
        y = layers.Dense(4 * width, name=f"stage{stage}_pwconv1")(y)
        y = layers.Activation("gelu", name=f"stage{stage}_act")(y)
        y = layers.Dense(width, name=f"stage{stage}_pwconv2")(y)
        y = Scale(name=f"stage{stage}_scale")(y)
        x = layers.Add(name=f"stage{stage}_add")([x, y])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.LayerNormalization(epsilon=1e-12, name="layernorm")(x)
    return keras.Model(image, layers.Dense(5, name="classifier")(x))


CONVNEXT = _configured(
    "ConvNextConfig",
    "ConvNextForImageClassification",
    hidden_sizes=[6, 8],
    depths=[1, 1],
    num_stages=2,
    num_labels=5,
)


def bert(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops

    class Embeddings(layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, **named: Any) -> None:
            super().__init__(**named)
            self.word = layers.Embedding(TOKENS, HIDDEN, name="word_embeddings")
            self.position = layers.Embedding(16, HIDDEN, name="position_embeddings")
            self.type = layers.Embedding(2, HIDDEN, name="token_type_embeddings")

        def call(self, tokens: Any) -> Any:
            places = ops.expand_dims(ops.arange(tokens.shape[1]), 0)
            return self.word(tokens) + self.type(ops.zeros_like(tokens)) + self.position(places)

    x = tokens = layers.Input((6,), dtype="int32")
    x = Embeddings(name="embeddings")(x)
    x = layers.LayerNormalization(epsilon=1e-12, name="embeddings_layernorm")(x)
    y = layers.MultiHeadAttention(HEADS, HIDDEN // HEADS, name="attention")(x, x)
    x = layers.Add(name="add1")([x, y])
    x = layers.LayerNormalization(epsilon=1e-12, name="attention_output_layernorm")(x)
    y = layers.Dense(WIDE, activation="gelu", name="intermediate")(x)
    y = layers.Dense(HIDDEN, name="output_dense")(y)
    x = layers.Add(name="add2")([x, y])
    x = layers.LayerNormalization(epsilon=1e-12, name="output_layernorm")(x)
    x = layers.Dense(HIDDEN, activation="tanh", name="pooler")(x[:, 0])
    return keras.Model(tokens, layers.Dense(3, name="classifier")(x))


BERT = _configured(
    "BertConfig",
    "BertForSequenceClassification",
    vocab_size=TOKENS,
    hidden_size=HIDDEN,
    num_hidden_layers=1,
    num_attention_heads=HEADS,
    intermediate_size=WIDE,
    max_position_embeddings=16,
    num_labels=3,
)


# The extra `examples` brings transformers; without it these nets are not there.
NETS = (
    (
        Net("transformers' ResNet", resnet, (), (24, 20, 3), make=RESNET),
        Net("transformers' ViT", vit, (), (8, 8, 3), make=VIT),
        Net("transformers' ConvNeXt", convnext, (), (16, 24, 3), make=CONVNEXT),
        Net("transformers' BERT", bert, (), (6,), tokens=TOKENS, make=BERT),
    )
    if find_spec("transformers")
    else ()
)
