"""Imports of the package: the modules that they load, and the public names."""

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
from pipeline_orchestration import EngineName, LogLevel, UsageError, load_pipeline, resolve_pipeline_address

print(load_pipeline(resolve_pipeline_address(None)).names)
print(sorted({"prefect", "pydantic", "peewee"} & set(sys.modules)))
"""

SETTINGS = """
import sys
from pipeline_orchestration.settings.config import SETTINGS

print(len(SETTINGS) > 0, sorted({"prefect", "pydantic", "peewee", "msgspec"} & set(sys.modules)))
"""


def test_the_local_engine_does_not_import_prefect(python, sample):
    """Its import takes over a second; the run takes a tenth of that."""
    assert ("1\n[]\n", "") == python(RUN)


def test_loading_a_pipeline_imports_no_large_library(python):
    """Help and list-jobs need no more, and each such library would take as long as they do."""
    assert ("('A', 'B', 'C')\n[]\n", "") == python(NAMES)


def test_the_declarations_of_settings_import_no_large_library(python):
    """The command line makes its options from them, also for --help."""
    assert ("True []\n", "") == python(SETTINGS)


def test_public_names_exist_and_are_sorted():
    assert sorted(pipeline_orchestration.__all__) == pipeline_orchestration.__all__
    assert all(hasattr(pipeline_orchestration, name) for name in pipeline_orchestration.__all__)


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Runner"):
        pipeline_orchestration.Runner  # noqa: B018  # asking is the test
