"""What a run would depend on, examined without one."""

import os
import sys
from importlib.metadata import version

import pytest

from pipeline_orchestration import EngineName, PipelineRunner, diagnose
from pipeline_orchestration.diagnosis import examine_engine


def errors(findings):
    return [(each.what, each.error.code, str(each.error)) for each in findings if each.error]


def facts(findings):
    return {each.what: each.found for each in findings}


def test_everything_is_examined_and_nothing_made(folder):
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
    assert [] == errors(findings)
    assert "the defaults" == findings[0].found
    assert f"{folder}/data/output: none yet, the first run makes it" == findings[1].found
    assert [] == [path for path in folder.iterdir() if path.name != ".prefect"]


def test_each_setting_is_named_with_its_place(folder, monkeypatch):
    (folder / "pipeline.toml").write_text("busy_timeout = 5\noutput_dir = 'out'\n")
    monkeypatch.setenv("PIPELINE_OUTPUT_DIR", "other")

    found = facts(diagnose(db_path="p.db"))

    assert (
        "busy_timeout (pipeline.toml), output_dir (environment variable PIPELINE_OUTPUT_DIR), "
        "db_path (argument)"
    ) == found["settings"]
    assert f"{folder}/other: none yet, the first run makes it" == found["output folder"]
    assert f"{folder}/p.db: none yet, the first load makes it" == found["database"]


def test_what_a_run_left_is_found(sample, folder):
    PipelineRunner(output_dir="out", db_path="p.db", log_level="OFF").run(sample, stop_after="B")

    found = facts(diagnose(output_dir="out", db_path="p.db"))

    assert f"{folder}/out" == found["output folder"]
    assert "0 finalized, 1 unfinished: 1" == found["batches"]


@pytest.mark.parametrize("skipped", ["output_dir", "db_path", "engine"])
def test_what_a_setting_that_makes_no_sense_is_about_is_left_out(monkeypatch, skipped):
    """Its default is not what the person meant; the others are examined, and each fault is named."""
    named = {"output_dir": "output folder", "db_path": "database", "engine": "engine"}
    monkeypatch.setenv("PIPELINE_BUSY_TIMEOUT", "soon")
    settings = {"output_dir": "~nobody here/x", "db_path": "~nobody here/x", "engine": "dask"}

    findings = diagnose(**{skipped: settings[skipped]})

    assert [
        ("settings", "usage.setting"),
        ("settings", "usage.setting"),
    ] == [(what, code) for what, code, _ in errors(findings)]
    assert [
        "busy_timeout (environment variable PIPELINE_BUSY_TIMEOUT): expected a number of seconds, got 'soon'",
        True,
    ] == [errors(findings)[0][2], errors(findings)[1][2].startswith(f"{skipped} (argument): ")]
    assert set(named.values()) - {named[skipped]} == set(named.values()) & set(facts(findings))


def test_settings_that_cannot_be_read_leave_nothing_to_examine(folder):
    (folder / "pipeline.toml").write_text("[")

    [finding] = diagnose()

    assert ("settings", "cannot be read", "usage.setting") == (
        finding.what,
        finding.found,
        finding.error.code,
    )
    assert "folder, database and engine can be examined once that is mended" == finding.hint


def test_a_current_folder_that_is_gone_is_an_error(folder, monkeypatch):
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    text = "the current folder, where paths begin, is not there any more"
    assert [("settings", "usage.setting", text)] == errors(diagnose())
    os.chdir(folder)


def test_prefects_settings_are_read_and_its_version_is_known_without_an_import(python):
    printed, _ = python(
        "import sys; from pipeline_orchestration import diagnose; print(diagnose(engine='prefect')[-2:]); "
        "print({'prefect', 'httpx'} & set(sys.modules))"
    )

    assert (
        f"[Finding(what='Prefect', found='{version('prefect')}', error=None, hint=None), "
        "Finding(what='engine', found='prefect: asked for; no API is configured, so Prefect starts a "
        "temporary server', error=None, hint=None)]\nset()\n"
    ) == printed


def test_a_missing_prefect_is_said_to_be(monkeypatch):
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
def test_an_api_is_asked_only_where_a_run_would_ask_it(monkeypatch, asked, expected):
    monkeypatch.setenv("PREFECT_API_URL", "http://[::1")

    findings = examine_engine(asked)

    assert expected == [each.what for each in findings]
    assert ["orchestration.unreachable"] * (len(expected) - 2) == [code for _, code, _ in errors(findings)]


def test_settings_that_prefect_cannot_read_are_an_error(folder):
    (folder / "prefect.toml").write_text("[api")

    assert [("engine", "orchestration.settings")] == [
        (what, code) for what, code, _ in errors(examine_engine(EngineName.AUTO))
    ]
