"""The packages under one name."""

from importlib import import_module

import pytest

import pipeline_db
import pipeline_jobs
import pipeline_orchestration

HOMES = {
    "config": pipeline_orchestration,
    "database": pipeline_db,
    "jobs": pipeline_jobs,
    "pipeline": pipeline_orchestration,
    "validators": pipeline_jobs,
}


@pytest.mark.parametrize("name", HOMES)
def test_every_name_is_the_one_of_the_package_it_lives_in(name):
    alias = import_module(f"prefect_pipeline.{name}")

    assert sorted(alias.__all__) == alias.__all__
    assert [getattr(HOMES[name], each) for each in alias.__all__] == [
        getattr(alias, each) for each in alias.__all__
    ]


def test_importing_them_does_not_import_prefect(python):
    code = "import sys; from prefect_pipeline import config, database, jobs, pipeline, validators; "

    assert ("False\n", "") == python(f"{code}print('prefect' in sys.modules)")


def test_any_other_name_is_not_there():
    from prefect_pipeline import pipeline

    with pytest.raises(AttributeError, match=r"has no attribute 'Runner'$"):
        pipeline.Runner  # noqa: B018  # asking is the test
