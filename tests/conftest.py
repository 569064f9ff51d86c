"""What every test needs: quiet frameworks, threads shared fairly, examples that repeat.

A test means the same in whatever order: it begins with random states of its own, and fails if it
leaves behind what another could meet.
"""

import os
import random
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before TensorFlow is imported, which reads them once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
THREADS = max(1, (os.cpu_count() or 1) // WORKERS)
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

torch.set_num_threads(THREADS)

# A shell starts what runs in the background deaf to Ctrl-C, and so would be every command tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine and in every run; building a graph may take its time.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")


def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> None:
    """Seed each fixture by its name: what it draws does not depend on who asks for it first."""
    number = getattr(request, "param_index", 0)
    _seed(f"{fixturedef.baseid}::{fixturedef.argname}[{number}]")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Seed each test by its name."""
    _seed(item.nodeid)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Let no test change what belongs to all; what its fixtures undo is undone by then."""
    before = _shared_state()
    yield
    after = _shared_state()
    left = [name for name, value in before.items() if after.get(name) != value]
    assert not left, f"the test leaves changed what other tests rely on: {', '.join(left)}"


def _seed(name: str) -> None:
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _shared_state() -> dict[str, Any]:
    """What PyTorch and the process keep for all tests."""
    environment = {f"${k}": v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    return environment | {
        "the number of threads": torch.get_num_threads(),
        "whether gradients are taken": torch.is_grad_enabled(),
        "the default type": torch.get_default_dtype(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "oneDNN": torch.backends.mkldnn.enabled,
        "the working folder": Path.cwd(),
    }
