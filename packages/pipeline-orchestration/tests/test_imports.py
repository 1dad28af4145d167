"""What importing the package costs and brings."""

import pytest

import pipeline_orchestration

RUN = """
import sys
import pipeline_orchestration

runner = pipeline_orchestration.PipelineRunner(engine="local", output_dir="out", db_path="p.db")
print(runner.run("sample.txt").batch_id)
print(sorted({"prefect", "fastapi", "httpx", "tenacity", "click", "fsspec", "loky"} & set(sys.modules)))
"""
NAMES = """
import sys
from pipeline_orchestration import EngineName, LogLevel, UsageError, load_pipeline, pipeline_address

print(load_pipeline(pipeline_address(None)).names)
print(sorted({"prefect", "pydantic", "peewee"} & set(sys.modules)))
"""


def test_the_local_engine_needs_no_prefect(python, sample):
    """Which takes over a second to import; the run takes a tenth of that."""
    assert ("1\n[]\n", "") == python(RUN)


def test_what_help_and_list_jobs_need_is_light(python):
    """Each of them takes as long to import as all that these need."""
    assert ("('A', 'B', 'C')\n[]\n", "") == python(NAMES)


def test_every_public_name_is_there_and_in_order():
    assert sorted(pipeline_orchestration.__all__) == pipeline_orchestration.__all__
    assert all(hasattr(pipeline_orchestration, name) for name in pipeline_orchestration.__all__)


def test_any_other_name_is_not():
    with pytest.raises(AttributeError, match=r"^module 'pipeline_orchestration' has no attribute 'Runner'$"):
        pipeline_orchestration.Runner  # noqa: B018  # asking is the test
