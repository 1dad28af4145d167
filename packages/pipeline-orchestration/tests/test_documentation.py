"""Settings in the documents and in the flow's signature."""

import inspect
from typing import Literal, get_args

from pipeline_orchestration.settings.config import SETTINGS
from pipeline_orchestration.settings.documentation import add_flow_parameters, render_settings_table


def test_the_table_has_a_row_for_each_setting():
    head, _, *rows = render_settings_table().splitlines()

    assert "| setting | environment variable | default | meaning |" == head
    assert [f"| `{each.name}` | `{each.variable}` |" for each in SETTINGS] == [
        "|".join(row.split("|")[:3]) + "|" for row in rows
    ]
    assert "| `busy_timeout` | `PIPELINE_BUSY_TIMEOUT` | `30` | Seconds to wait for a database" in rows[-1]


def test_a_function_gets_a_described_parameter_for_each_setting_of_a_flow_run():
    """Prefect makes the form of a deployment from signature and docstring."""

    @add_flow_parameters
    def flow(inputs: list[str], **settings: object) -> object:
        """Run.

        Args:
            inputs: what to work on.
        """

    parameters = inspect.signature(flow).parameters

    assert ["inputs", *(each.name for each in SETTINGS if each.in_flow)] == list(parameters)
    assert {None} == {each.default for name, each in parameters.items() if name != "inputs"}
    assert int | None == parameters["concurrency"].annotation
    assert Literal["skip", "load", "error"] | None == parameters["on_duplicate"].annotation
    lines = inspect.getdoc(flow).splitlines()
    assert ["Args:", "    inputs: what to work on."] == lines[2:4]
    assert "    encoding: Encoding of the input files." in lines
    assert len(parameters) == len(lines) - 3


def test_prefect_reads_the_parameters_and_their_descriptions():
    from prefect import flow

    @flow
    @add_flow_parameters
    def work(inputs: list[str], **settings: object) -> object:
        """Run.

        Args:
            inputs: what to work on.
        """

    properties = work.parameters.model_dump()["properties"]

    assert ["inputs", *(each.name for each in SETTINGS if each.in_flow)] == list(properties)
    assert all(each["description"] for each in properties.values())
    (choices, _) = properties["on_duplicate"]["anyOf"]
    assert ["skip", "load", "error"] == choices["enum"]
    assert {"inputs": ["x"], "busy_timeout": 3.0} == {
        name: value
        for name, value in work.validate_parameters({"inputs": ["x"], "busy_timeout": "3"}).items()
        if value is not None
    }


def test_settings_with_choices_list_all_of_them():
    offered = {each.name: [choice.value for choice in each.choices] for each in SETTINGS if each.choices}

    assert ["log_level", "engine", "task_runner", "on_duplicate"] == list(offered)
    assert ["threads", "processes", "dask", "ray"] == offered["task_runner"]
    assert get_args(Literal["auto", "local", "prefect"]) == tuple(offered["engine"])
