"""Diagnostics: which of several errors is the worst."""

import pytest

from pipeline_cli.diagnostics import find_worst_code
from pipeline_jobs import Finding, PipelineError


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], None),
        (["usage.setting"], "usage.setting"),
        (["usage.setting", "orchestration.settings"], "orchestration.settings"),
        (["orchestration.settings", "output.denied"], "output.denied"),
        (["output.denied", "database.busy", "output.failed"], "database.busy"),
        (["database.busy", "corrupt.database"], "corrupt.database"),
        (["database.newer", "database.busy"], "database.newer"),
    ],
)
def test_lost_data_is_worst_then_what_every_run_needs(codes, expected):
    findings = [Finding("x", "y"), Finding("x", "y", hint="z")]
    findings += [Finding("x", "y", PipelineError(code, "z")) for code in codes]

    assert expected == find_worst_code(findings)
