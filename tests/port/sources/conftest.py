"""The forms of weights, written once for all tests."""

from __future__ import annotations

import pytest

from tests.port.sources.published import Form, write_all


@pytest.fixture(scope="session")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Form]:
    return write_all(tmp_path_factory.mktemp("forms"))
