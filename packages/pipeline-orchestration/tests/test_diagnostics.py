"""Diagnostics of settings, output folder, database, and engine."""

import os
import sys
from importlib.metadata import version

import pytest

from pipeline_orchestration import EngineName, PipelineRunner, diagnose
from pipeline_orchestration.diagnostics import examine_engine


def list_errors(findings):
    """Return subject, code and message of each error."""
    return [(each.what, each.error.code, str(each.error)) for each in findings if each.error]


def get_facts(findings):
    """Return what was found, by subject."""
    return {each.what: each.found for each in findings}


def test_everything_is_examined_and_nothing_created(folder):
    findings = diagnose()

    assert [
        "settings",
        "output folder",
        "SQLite",
        "database",
        "file system",
        "journal",
        "Prefect",
        "engine",
    ] == [each.what for each in findings]
    assert [] == list_errors(findings)
    assert "the defaults" == findings[0].found
    assert f"{folder}/data/output: none yet, the first run makes it" == findings[1].found
    assert [] == [path for path in folder.iterdir() if path.name != ".prefect"]


def test_each_setting_is_listed_with_its_source(folder, monkeypatch):
    (folder / "pipeline.toml").write_text("busy_timeout = 5\noutput_dir = 'out'\n")
    monkeypatch.setenv("PIPELINE_OUTPUT_DIR", "other")

    found = get_facts(diagnose(db_path="p.db"))

    assert (
        "busy_timeout (pipeline.toml), output_dir (environment variable PIPELINE_OUTPUT_DIR), "
        "db_path (argument)"
    ) == found["settings"]
    assert f"{folder}/other: none yet, the first run makes it" == found["output folder"]
    assert f"{folder}/p.db: none yet, created by the first load" == found["database"]


@pytest.mark.parametrize(
    ("address", "command"),
    [
        (None, "pipeline --output-dir out --db-path p.db run --start-from C 1"),
        (
            "own.py:own",
            "pipeline --output-dir out --db-path p.db --pipeline own.py:own run --start-from done 1",
        ),
        ("own.py:broken", None),
        ("own.py:short", None),
    ],
)
def test_the_command_that_finalizes_a_batch_names_the_job_of_the_pipeline(sample, folder, address, command):
    """With all options; none if no job can finalize it, or that cannot be found out."""
    PipelineRunner(output_dir="out", db_path="p.db", log_level="OFF").run(sample, stop_after="B")
    (folder / "own.py").write_text("""
import sys
from pipeline_jobs import JobA, JobC
from pipeline_orchestration import PipelineDefinition
own = PipelineDefinition("own").add_job("read", lambda run: JobA(run.output_dir))
own.add_job("done", lambda run: JobC(run.store))
broken = PipelineDefinition("broken").add_job("read", lambda run: sys.exit(0))
short = PipelineDefinition("short").add_job("read", lambda run: JobA(run.output_dir))
""")

    settings = {"output_dir": "out", "db_path": "p.db"} | ({"pipeline": address} if address else {})
    (batches,) = [each for each in diagnose(**settings) if each.what == "batches"]

    hint = "repeat the command that loaded it"
    assert (f"{hint}, or: {command}" if command else hint) == batches.hint


def test_an_unfinished_batch_is_found(sample, folder):
    PipelineRunner(output_dir="out", db_path="p.db", log_level="OFF").run(sample, stop_after="B")

    found = get_facts(diagnose(output_dir="out", db_path="p.db"))

    assert f"{folder}/out" == found["output folder"]
    assert "0 finalized, 1 unfinished: 1" == found["batches"]


@pytest.mark.parametrize("skipped", ["output_dir", "db_path", "engine"])
def test_the_subject_of_an_invalid_setting_is_not_examined(monkeypatch, skipped):
    """Its default is not what the user meant. Everything else is examined, and each error is reported."""
    named = {"output_dir": "output folder", "db_path": "database", "engine": "engine"}
    monkeypatch.setenv("PIPELINE_BUSY_TIMEOUT", "soon")
    settings = {"output_dir": "~nobody here/x", "db_path": "~nobody here/x", "engine": "dask"}

    findings = diagnose(**{skipped: settings[skipped]})

    message = "expected a number of seconds from 0 to 86400, got 'soon'"
    assert [
        ("settings", "usage.setting"),
        ("settings", "usage.setting"),
    ] == [(what, code) for what, code, _ in list_errors(findings)]
    assert [
        f"busy_timeout (environment variable PIPELINE_BUSY_TIMEOUT): {message}",
        True,
    ] == [list_errors(findings)[0][2], list_errors(findings)[1][2].startswith(f"{skipped} (argument): ")]
    assert set(named.values()) - {named[skipped]} == set(named.values()) & set(get_facts(findings))


def test_nothing_else_is_examined_if_a_settings_file_cannot_be_read(folder):
    (folder / "pipeline.toml").write_text("[")

    [finding] = diagnose()

    assert ("settings", "cannot be read", "usage.setting") == (
        finding.what,
        finding.found,
        finding.error.code,
    )
    assert "correct this first; then folder, database and engine can be examined" == finding.hint


def test_a_current_folder_that_is_gone_is_an_error(folder, monkeypatch):
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    text = "the current folder does not exist any more, so no path can be resolved"
    assert [("settings", "usage.setting", text)] == list_errors(diagnose())
    os.chdir(folder)


def test_prefect_is_examined_without_importing_it(python):
    printed, _ = python(
        "import sys; from pipeline_orchestration import diagnose; print(diagnose(engine='prefect')[-2:]); "
        "print({'prefect', 'httpx'} & set(sys.modules))"
    )

    assert (
        f"[Finding(what='Prefect', found='{version('prefect')}', error=None, hint=None), "
        "Finding(what='engine', found='prefect: asked for; no API is configured, so Prefect starts a "
        "temporary server', error=None, hint=None)]\nset()\n"
    ) == printed


def test_a_missing_prefect_is_reported(monkeypatch):
    monkeypatch.setattr(sys, "path", [])

    assert "not installed" == examine_engine(EngineName.LOCAL)[0].found


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (EngineName.AUTO, ["Prefect", "engine", "Prefect API"]),
        (EngineName.PREFECT, ["Prefect", "engine", "Prefect API"]),
        (EngineName.LOCAL, ["Prefect", "engine"]),
    ],
)
def test_an_api_is_examined_only_if_a_run_would_use_it(monkeypatch, asked, expected):
    monkeypatch.setenv("PREFECT_API_URL", "http://[::1")

    findings = examine_engine(asked)

    assert expected == [each.what for each in findings]
    assert ["orchestration.unreachable"] * (len(expected) - 2) == [
        code for _, code, _ in list_errors(findings)
    ]


def test_prefect_settings_that_cannot_be_read_are_an_error(folder):
    (folder / "prefect.toml").write_text("[api")

    assert [("engine", "orchestration.settings")] == [
        (what, code) for what, code, _ in list_errors(examine_engine(EngineName.AUTO))
    ]
