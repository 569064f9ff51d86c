"""A layer that computes another shape than the original's does not mislead whoever is behind it."""

import keras
from keras import layers
from torch import Tensor, nn

from tests.verify.custom.matched import matching_of
from verify import KerasModel, compare_layers, port_spec, probe_input


def build() -> keras.Model:
    """Blocks that are counted in another way than the port's: the second is `1b`, not `1`."""
    x = image = layers.Input((9, 9, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", name="stem")(x)
    for block in ("1a", "1b", "2a"):
        x = layers.Conv2D(6, 1, name=f"block{block}_conv")(x)
        x = layers.BatchNormalization(name=f"block{block}_bn")(x)
        x = layers.ReLU(name=f"block{block}_act")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(3, name="classes")(x))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.act = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6, 1e-3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class Port(nn.Module):
    """Its stem has no padding, so all images behind it are smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2)
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.mean, self.classes = nn.AdaptiveAvgPool2d(1), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classes(self.mean(x).flatten(1))


def test_what_is_behind_it_is_matched_by_what_it_reads_and_right_by_itself() -> None:
    spec = port_spec("smaller", KerasModel(build, seed=0), Port(), probe_input((2, 9, 9, 3)))
    assert matching_of(spec).weights["block1b_conv/kernel"].startswith("blocks.1.conv.weight")
    assert [tap.name for tap in compare_layers(spec).guilty] == ["stem"]


def test_a_layer_whose_module_stops_there_is_not_given_to_another_module() -> None:
    class Stopping(Port):
        def forward(self, x: Tensor) -> Tensor:
            first = self.blocks[0]
            cut: Tensor = first.bn(first.conv(self.stem(x))[:, :5])
            return cut

    spec = port_spec("stops", KerasModel(build, seed=0), Stopping(), probe_input((2, 9, 9, 3)))
    for number, block in enumerate(("1a", "1b", "2a")):
        for layer in ("conv/kernel", "bn/gamma"):
            key = matching_of(spec).weights[f"block{block}_{layer}"]
            assert key.startswith(f"blocks.{number}.{layer.split('/')[0]}.")
