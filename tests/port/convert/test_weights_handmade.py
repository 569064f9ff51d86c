"""Whatever a weights file holds: it is read as what it says, or refused in one line by name.

Every command reads weights through `port.load_weights`; `tests/tvn_cli/test_weights_files.py` shows
that of each.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import port
from port import Genotype, InputError, MisfitError, create_model, load_weights, save_weights
from tests.hostile import HOSTILE
from tests.port.handmade import BITS, FLOATS, entries, metadata, write
from tests.port.nets import small_clips, small_genotype, small_state_dict

KEYS = sorted(small_state_dict())
DEEP = "[" * 100_000 + "]" * 100_000
LONGEST = 2000  # characters of a message, a path of a temporary folder among them
each_in_one_folder = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def assert_read_or_refused(path: Path) -> None:
    """A net that computes numbers, or one line that begins with the file's name."""
    try:
        loaded = load_weights(path)
    except InputError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert message.isprintable() and len(message) < LONGEST, message
        return
    with torch.no_grad():
        net = loaded.build().eval()
        weight = net.get_classifier().weight
        assert {t.dtype for t in net.state_dict().values()} == {weight.dtype}
        for key, tensor in net.state_dict().items():  # held exactly
            assert torch.equal(tensor, loaded.state_dict[key].double().to(weight.dtype))
            assert torch.equal(tensor.double(), loaded.state_dict[key].double())
        logits = net(small_clips().to(weight.dtype))
    assert logits.shape == (len(small_clips()), loaded.num_classes)
    json.dumps(loaded.about)


@each_in_one_folder
@given(types=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(sorted(BITS))))
def test_any_types(tmp_path: Path, types: dict[str, str]) -> None:
    path = write(
        tmp_path / "w.safetensors",
        metadata(small_genotype()),
        entries(small_state_dict(), types),
    )
    assert_read_or_refused(path)
    if not set(types.values()) <= {*FLOATS, "BF16"}:
        with pytest.raises(InputError, match="is of type"):
            load_weights(path)
    else:
        load_weights(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["class_names", "source", "blocks", "x"]), inner)
    ),
    max_leaves=8,
)
texts = (
    json_values.map(json.dumps) | st.text() | st.sampled_from([DEEP, "1" * 5000, *HOSTILE.values()])
)


@each_in_one_folder
@given(
    changes=st.dictionaries(
        st.sampled_from(["format", "genotype", "about", "more"]), st.none() | texts
    )
)
def test_any_metadata(tmp_path: Path, changes: dict[str, str | None]) -> None:
    told = metadata(small_genotype(), **changes)
    assert_read_or_refused(write(tmp_path / "w.safetensors", told, entries(small_state_dict(), {})))


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ("null", "no object"),
        ("3", "no object"),
        ("[1]", "no object"),
        (DEEP, "nested"),
        ("{", "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ('{"class_names": 3}', "no list of names"),
        ('{"class_names": [1, 2, 3, 4, 5]}', "no list of names"),
        ('{"class_names": ["a"]}', "names 1 classes and has 5"),
        ('{"class_names": []}', "names 0 classes and has 5"),
    ],
)
def test_an_about_that_is_none_is_refused(tmp_path: Path, about: str, told: str) -> None:
    path = tmp_path / "w.safetensors"
    write(path, metadata(small_genotype(), about=about), entries(small_state_dict(), {}))
    with pytest.raises(InputError, match=told):
        load_weights(path)
    assert_read_or_refused(path)


names = st.sampled_from([*KEYS, *HOSTILE.values()]) | st.text(max_size=20)


@each_in_one_folder
@given(
    renamed=st.dictionaries(st.sampled_from(KEYS), names, max_size=4),
    dropped=st.sets(st.sampled_from(KEYS), max_size=3),
    reshaped=st.dictionaries(
        st.sampled_from(KEYS), st.lists(st.integers(0, 2**63), max_size=5), max_size=2
    ),
    genotype=st.sampled_from([small_genotype(), *map(Genotype.load, ("tvn1", "tvn_mobile_2"))]),
)
def test_any_names_and_shapes(
    tmp_path: Path,
    renamed: dict[str, str],
    dropped: set[str],
    reshaped: Mapping[str, list[int]],
    genotype: Genotype,
) -> None:
    tensors = {}
    for key, (kind, shape, data) in entries(small_state_dict(), {}).items():
        if key not in dropped:
            tensors[renamed.get(key, key)] = (kind, list(reshaped.get(key, shape)), data)
    assert_read_or_refused(write(tmp_path / "w.safetensors", metadata(genotype), tensors))


@each_in_one_folder
@given(
    flips=st.lists(st.tuples(st.integers(0), st.integers(0, 7)), min_size=1, max_size=4),
    kept=st.none() | st.integers(0),
)
def test_any_damage(tmp_path: Path, flips: list[tuple[int, int]], kept: int | None) -> None:
    """Bits that flip, within the header or behind it, and a file cut short."""
    path = tmp_path / "w.safetensors"
    save_weights(path, small_genotype(), small_state_dict())
    data = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(data[:8], "little")
    for number, (place, bit) in enumerate(flips):
        data[place % (header if number % 2 else len(data))] ^= 1 << bit
    path.write_bytes(data if kept is None else data[: kept % len(data)])
    assert_read_or_refused(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", [KEYS[0], KEYS[-1]])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, key: str, value: float) -> None:
    state_dict = small_state_dict()
    state_dict[key].view(-1)[-1] = value
    save_weights(tmp_path / "w", small_genotype(), state_dict)
    with pytest.raises(InputError, match=f"w: {re.escape(key)} holds NaN or infinity"):
        load_weights(tmp_path / "w")


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w"
    with path.open("wb") as file:
        file.write((1 << 26).to_bytes(8, "little") + b"{")
        file.truncate(1 << 27)
    with pytest.raises(InputError, match="does not begin as one"):
        load_weights(path)
    with path.open("wb") as file:
        file.truncate(1 << 37)  # sparse
    with pytest.raises(InputError, match="bytes, and a weights file has at most"):
        load_weights(path)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "absent"):
        with pytest.raises(InputError) as refusal:
            load_weights(path)
        assert str(refusal.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tensors: tensors.clear(),
        lambda tensors: tensors.pop("head.dense.bias"),
        lambda tensors: tensors.update({f"extra.{i}": tensors[KEYS[0]] for i in range(5000)}),
        lambda tensors: tensors.update({"x" * 1_000_000: tensors[KEYS[0]]}),
    ],
)
def test_lists_of_misfits_are_counted_and_cut(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object]
) -> None:
    tensors: dict[str, Any] = entries(small_state_dict(), {})
    spoil(tensors)
    path = write(tmp_path / "w.safetensors", metadata(small_genotype()), tensors)
    assert_read_or_refused(path)
    with pytest.raises(InputError) as refusal:
        load_weights(path)
    if isinstance(refusal.value, MisfitError):  # which still holds every name
        told = re.findall(r"(\d+) (missing|unexpected|misshapen): ", str(refusal.value))
        assert told == [(str(len(n)), k) for k, n in refusal.value.misfits.items() if n]


def test_weights_of_another_net_name_it_in_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "tvn_mobile_1.safetensors"
    with torch.device("meta"):
        net = create_model("tvn_mobile_1", 3)
    save_weights(path, net.genotype, {k: torch.zeros(t.shape) for k, t in net.state_dict().items()})
    with pytest.raises(InputError) as refusal:
        create_model("tvn_mobile_2", weights=path)
    assert str(refusal.value).startswith(
        f"{path}: weights of tvn_mobile_1, not of tvn_mobile_2 (block 0: "
    )
    assert len(str(refusal.value)) < 150 + len(str(path))
    with pytest.raises(InputError, match="not of an unpublished net"):
        create_model(small_genotype(), weights=path)
    # Clips of other lengths are no other net.
    assert create_model("tvn_mobile_1", weights=path, num_frames=3).genotype.clip.num_frames == 3


def test_the_same_shapes_do_not_make_the_same_net(tmp_path: Path) -> None:
    """What no shape shows: activation and stride."""
    save_weights(tmp_path / "w", small_genotype(), small_state_dict())
    for field, value in (("act", "hswish"), ("spatial_stride", 3), ("temporal_stride", 2)):
        data = small_genotype().to_dict()
        data["blocks"][0][field] = value
        with pytest.raises(InputError, match=f"block 0: {field}"):
            create_model(data, weights=tmp_path / "w")


def test_safetensors_are_opened_in_one_place() -> None:
    root = Path(port.__file__).parents[1]
    found = {
        str(path.relative_to(root))
        for folder in ("port", "verify", "train", "tvn_cli", "reference_tf")
        for path in (root / folder).rglob("*.py")
        if re.search(r"safe_open\(|safetensors\.(torch|numpy)", path.read_text())
    }
    assert found == {"port/convert/weights.py"}


def test_a_damaged_file_prints_nothing_and_takes_little_memory(tmp_path: Path) -> None:
    """A megabyte of name and of brackets, in a process that may not take 2 GB."""
    path = tmp_path / "w.safetensors"
    told = metadata(small_genotype(), about=DEEP * 10)
    write(path, told, entries(small_state_dict(), {}) | {"\x1b[2J" * 200_000: ("F32", [0], b"")})
    code = (
        "import resource, sys, port\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))\n"
        "try: port.load_weights(sys.argv[1])\n"
        "except port.InputError: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")
