"""A verification in another process says what it says in this one, and its end is noticed."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from port import create_model, tf_from_state_dict
from port.taps import tapped_modules
from tests.verify.nets import EVERY_LAYER
from verify import Subject, compare_layers, layers_spec
from verify.engine.apart import Apart
from verify.reports.report import TapReport


@pytest.fixture
def elsewhere() -> Iterator[Apart]:
    apart = Apart()
    yield apart
    apart.close()


def test_elsewhere_it_finds_the_same(elsewhere: Apart) -> None:
    net = create_model(EVERY_LAYER, num_classes=7)
    wrong = "Block-0-0/STConvs/batch_normalization"
    tapped_modules(net)[wrong].eps = 1e-2
    variables = tf_from_state_dict(net.state_dict(), EVERY_LAYER)
    spec = layers_spec(Subject(EVERY_LAYER, variables=variables, net=net, width=31))
    seen: list[TapReport] = []
    apart, here = elsewhere.verify(spec, watch=seen.append), compare_layers(spec)
    assert apart.first_failure == here.first_failure == wrong
    assert seen == apart.taps
    assert [(t.name, t.reason) for t in seen] == [(t.name, t.reason) for t in here.taps]


def test_what_fails_there_is_raised_here_and_it_goes_on(elsewhere: Apart) -> None:
    spec = layers_spec(Subject(EVERY_LAYER))
    with pytest.raises(KeyError, match="video"):
        elsewhere.verify(replace(spec, inputs={}), watch=lambda tap: None)
    assert elsewhere.verify(spec, watch=lambda tap: None).passed


def test_its_end_is_noticed_and_another_starts(elsewhere: Apart) -> None:
    spec = layers_spec(Subject(EVERY_LAYER))
    with pytest.raises(RuntimeError, match="status -9"):
        elsewhere.verify(replace(spec, port=_killed), watch=lambda tap: None)
    assert elsewhere.verify(spec, watch=lambda tap: None).passed


def _killed(precision: str) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return create_model
