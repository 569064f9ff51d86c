"""The JSON Schema of a report, which the package ships."""

import json
from importlib.resources import files
from typing import Any


def report_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what `Report.to_json` and `tvn verify --json` give."""
    text = files("verify.reports").joinpath("report.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
