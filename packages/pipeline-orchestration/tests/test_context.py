"""The context that a job factory gets."""

import pytest

from pipeline_db import DatabaseError
from pipeline_jobs import OnDuplicate, parse_reject_limit
from pipeline_orchestration import PipelineConfig, RunContext


def test_the_context_has_the_settings_of_the_run(folder):
    config = PipelineConfig.load(
        output_dir="out", encoding="latin-1", on_duplicate="load", max_record_bytes=7
    )
    context = RunContext(config, "run 1")

    assert (folder / "out", "iso8859-1", OnDuplicate.LOAD, 7) == (
        context.output_dir,
        context.encoding,
        context.on_duplicate,
        context.max_record_bytes,
    )
    assert (config, "run 1", None) == (context.config, context.run_id, context.progress)


@pytest.mark.parametrize("limit", [None, "0", "50", "1%"])
def test_no_row_may_be_rejected_unless_the_setting_says_so(folder, limit):
    context = RunContext(PipelineConfig.load(max_rejects=limit), "run 1")

    assert parse_reject_limit(limit or "0") == context.max_rejects


def test_the_store_is_made_once_with_the_settings_of_the_run(folder):
    context = RunContext(PipelineConfig.load(db_path="p.db", busy_timeout=2), "run 1")

    store = context.store

    assert store is context.store
    assert (folder / "p.db", 2.0, "run 1") == (store.path, store.busy_timeout, store.run_id)


def test_asking_for_the_store_creates_no_file(folder):
    _ = RunContext(PipelineConfig.load(), "run 1").store

    assert [] == list(folder.iterdir())


def test_an_unusable_database_is_refused_at_once(folder):
    (folder / "p.db").write_text("not a database")

    with pytest.raises(DatabaseError) as caught:
        _ = RunContext(PipelineConfig.load(db_path="p.db"), "run 1").store

    assert "database.not_a_database" == caught.value.code
