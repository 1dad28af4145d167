"""The description of a run: its pipeline by address or as an object, and its way to workers."""

from dataclasses import FrozenInstanceError

import pytest

from pipeline_orchestration import PipelineConfig, PipelineDefinition, UsageError
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.settings.sources import TEXT_PIPELINE
from pipeline_orchestration.text_pipeline import pipeline as text


def make_spec(pipeline, **fields):
    return RunSpec(pipeline=pipeline, config=PipelineConfig(), **fields)


def test_a_definition_is_used_as_it_is():
    pipeline = PipelineDefinition("mine")
    spec = make_spec(pipeline)

    assert ("mine", True) == (spec.reference, pipeline is spec.load_definition())


def test_an_address_is_imported():
    spec = make_spec(TEXT_PIPELINE)

    assert (TEXT_PIPELINE, True) == (spec.reference, text is spec.load_definition())


def test_an_address_that_cannot_be_imported_is_a_usage_error():
    with pytest.raises(UsageError) as caught:
        make_spec("missing.py:pipeline").load_definition()

    assert "usage.pipeline" == caught.value.code


def test_each_run_has_an_id_of_its_own_unless_it_is_given_one():
    assert make_spec(TEXT_PIPELINE).run_id != make_spec(TEXT_PIPELINE).run_id
    assert "given" == make_spec(TEXT_PIPELINE, run_id="given").run_id


def test_a_spec_is_frozen():
    with pytest.raises(FrozenInstanceError):
        make_spec(TEXT_PIPELINE).run_id = "another"
