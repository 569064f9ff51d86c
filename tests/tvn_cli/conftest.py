"""A small net's checkpoint, written by TensorFlow with what training leaves behind."""

import json
from pathlib import Path

import pytest

from port import Genotype
from port.convert.names import table
from tests.verify.nets import EVERY_LAYER
from verify.numerics.probes import probe_variables
from verify.tvn.to_tensorflow import write_checkpoint

CLASSES = 7


@pytest.fixture(scope="session")
def genotype_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small net's genotype as a JSON file."""
    path = tmp_path_factory.mktemp("genotype") / "every_layer.json"
    path.write_text(EVERY_LAYER.to_json())
    return path


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TensorFlow 1 checkpoint of it; gives the prefix."""
    prefix = tmp_path_factory.mktemp("checkpoint") / "model.ckpt-5"
    rows = table(EVERY_LAYER, CLASSES)
    write_checkpoint(prefix, EVERY_LAYER, probe_variables({r.tf_name: r.tf_shape for r in rows}, 1))
    return prefix


@pytest.fixture(scope="session")
def other_genotype_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another net, which the checkpoint does not fit."""
    data = EVERY_LAYER.to_dict()
    data["blocks"][1]["filters"] = 9
    path = tmp_path_factory.mktemp("other") / "other.json"
    path.write_text(json.dumps(Genotype.from_dict(data).to_dict()))
    return path
