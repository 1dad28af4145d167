"""The package `prefect_pipeline`: names of all packages under one name."""

from importlib import import_module

import pytest

import pipeline_db
import pipeline_jobs
import pipeline_orchestration

PACKAGES = {
    "config": pipeline_orchestration,
    "database": pipeline_db,
    "jobs": pipeline_jobs,
    "pipeline": pipeline_orchestration,
    "validators": pipeline_jobs,
}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_is_the_object_of_its_own_package(name):
    alias = import_module(f"prefect_pipeline.{name}")

    assert sorted(alias.__all__) == alias.__all__
    assert [getattr(PACKAGES[name], each) for each in alias.__all__] == [
        getattr(alias, each) for each in alias.__all__
    ]


def test_importing_them_does_not_import_prefect(python):
    code = "import sys; from prefect_pipeline import config, database, jobs, pipeline, validators; "

    assert ("False\n", "") == python(f"{code}print('prefect' in sys.modules)")


def test_any_other_name_is_an_attribute_error():
    from prefect_pipeline import pipeline

    with pytest.raises(AttributeError, match="Runner"):
        pipeline.Runner  # noqa: B018  # asking is the test
