"""The JSON Schema that the package ships holds for reports of every kind."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.verify.reports.samples import SAMPLES, own_failing, tvn_full
from verify import Report, report_schema


def validator() -> Draft202012Validator:
    schema = report_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_report_is_valid(sample: str) -> None:
    data = json.loads(SAMPLES[sample]().to_json())
    assert data["passed"] is sample.endswith("right")
    assert [error.message for error in validator().iter_errors(data)] == []
    assert data["schema"] == report_schema()["$defs"]["layers"]["properties"]["schema"]["const"]


@pytest.mark.slow
def test_a_report_of_every_level_and_variant_is_valid() -> None:
    assert validator().is_valid(json.loads(tvn_full().to_json()))


def test_a_report_of_nothing_is_valid_too() -> None:
    assert validator().is_valid(json.loads(Report("nothing", []).to_json()))


def without_a_figure(data: dict[str, Any]) -> None:
    del data["taps"][0]["isolated"]["ratio"]


def with_a_word_for_a_number(data: dict[str, Any]) -> None:
    data["taps"][0]["accumulated"]["ratio"] = "big"


def with_a_field_of_no_version(data: dict[str, Any]) -> None:
    data["verdict"] = True


def of_another_version(data: dict[str, Any]) -> None:
    data["schema"] = "tvn-verify-report/2"


def without_a_cause(data: dict[str, Any]) -> None:
    del data["further"]["training"]["diagnosis"]["causes"]


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_figure,
        with_a_word_for_a_number,
        with_a_field_of_no_version,
        of_another_version,
        without_a_cause,
    ],
)
def test_what_is_no_report_is_not(spoil: Callable[[dict[str, Any]], None]) -> None:
    data = copy.deepcopy(json.loads(own_failing().to_json()))
    spoil(data)
    assert not validator().is_valid(data)
