"""The database URL as a setting: its precedence over a path, and its password."""

import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineConfig, PipelineRunner, UsageError
from pipeline_orchestration.settings.sources import gather_settings

SECRET = "s3cret-word"
WITH, WITHOUT = f"postgresql://me:{SECRET}@h/d", "postgresql://me@h/d"


@pytest.fixture
def set_up(folder, monkeypatch):
    """A function that writes settings to each source, and returns those that are arguments."""

    def write_settings(shared=None, own=None, environment=None, argument=None):
        for name, table, settings in (
            ("pyproject.toml", "[tool.pipeline]\n", shared),
            ("pipeline.toml", "", own),
        ):
            lines = "".join(f'{key} = "{value}"\n' for key, value in (settings or {}).items())
            Path(name).write_text(table + lines, encoding="utf-8")
        for key, value in (environment or {}).items():
            monkeypatch.setenv(f"PIPELINE_{key.upper()}", value)
        return argument or {}

    return write_settings


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({}, (None, "data/pipeline.db")),
        ({"environment": {"db_url": WITH}}, (WITHOUT, "data/pipeline.db")),
        ({"own": {"db_url": WITH}}, (WITHOUT, "data/pipeline.db")),
        ({"argument": {"db_path": "a.db"}, "environment": {"db_url": WITH}}, (None, "a.db")),
        ({"argument": {"db_url": WITH}, "environment": {"db_path": "a.db"}}, (WITHOUT, "data/pipeline.db")),
        ({"environment": {"db_path": "a.db"}, "own": {"db_url": WITH}}, (None, "a.db")),
        ({"own": {"db_url": WITH}, "shared": {"db_path": "a.db"}}, (WITHOUT, "data/pipeline.db")),
        ({"own": {"db_path": "a.db"}, "shared": {"db_url": WITH}}, (None, "a.db")),
        (
            {"own": {"db_path": "a.db", "db_url": WITH}, "argument": {"db_url": "postgresql://x/y"}},
            ("postgresql://x/y", "data/pipeline.db"),
        ),
    ],
)
def test_of_path_and_url_the_one_from_the_higher_source_is_taken(folder, set_up, places, expected):
    config = PipelineConfig.load(**set_up(**places))

    assert expected == (config.db_url and str(config.db_url), str(config.db_path.relative_to(folder)))


@pytest.mark.parametrize(
    ("places", "source"),
    [
        ({"argument": {"db_path": "a.db", "db_url": WITH}}, "argument"),
        ({"environment": {"db_path": "a.db", "db_url": WITH}}, "environment variable PIPELINE_DB_URL"),
        ({"own": {"db_path": "a.db", "db_url": WITH}}, "pipeline.toml"),
    ],
)
def test_path_and_url_in_one_source_are_refused(set_up, places, source):
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load(**set_up(**places))

    text = f"db_url ({source}): db_path is given there too, and one of them is enough"
    assert ("usage.setting", text) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("db_url", f"postgresql://me:{SECRET}/x@h/d"),
        ("db_url", f"mysql://me:{SECRET}@h/d"),
        ("db_url", 7),
        ("db_path", WITH),
        ("db_path", f"postgres://me:{SECRET}@h/d"),
    ],
)
def test_an_invalid_url_is_refused_and_not_quoted(folder, name, value):
    with pytest.raises(UsageError, match=r"URL") as caught:
        PipelineConfig.load(**{name: value})

    assert "usage.setting" == caught.value.code
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


def test_the_password_is_in_no_repr_and_no_pickle(folder):
    runner = PipelineRunner(db_url=WITH)

    assert WITH == runner.config.db_url.with_password
    for text in (repr(runner.config), str(asdict(runner.config)), repr(pickle.dumps(runner.config))):
        assert SECRET not in text


def test_a_url_without_password_gets_the_password_of_the_environment(folder, monkeypatch):
    """For instance the parameter of a flow, or the command that resumes a run."""
    monkeypatch.setenv("PIPELINE_DB_URL", WITH)

    assert WITH == PipelineConfig.load(db_url=WITHOUT).db_url.with_password
    assert WITH == PipelineConfig.load(db_url=PipelineConfig.load(db_url=WITHOUT).db_url).db_url.with_password
    assert "postgresql://me@h/e" == PipelineConfig.load(db_url="postgresql://me@h/e").db_url.with_password


def test_gathering_another_setting_does_not_read_the_url(folder, monkeypatch):
    monkeypatch.setenv("PIPELINE_DB_URL", WITH)

    assert {"engine": ("local", "argument")} == gather_settings(["engine"], {"engine": "local"})
