"""The URL of a database among the settings: what it counts against a path, and that no password is seen."""

import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineConfig, PipelineRunner, UsageError
from pipeline_orchestration.sources import gather

SECRET = "s3cret-word"
WITH, WITHOUT = f"postgresql://me:{SECRET}@h/d", "postgresql://me@h/d"


@pytest.fixture
def given(folder, monkeypatch):
    """Give settings in each of the places that there are, from the one that counts least on."""

    def give(shared=None, own=None, environment=None, argument=None):
        for name, table, settings in (
            ("pyproject.toml", "[tool.pipeline]\n", shared),
            ("pipeline.toml", "", own),
        ):
            lines = "".join(f'{key} = "{value}"\n' for key, value in (settings or {}).items())
            Path(name).write_text(table + lines, encoding="utf-8")
        for key, value in (environment or {}).items():
            monkeypatch.setenv(f"PIPELINE_{key.upper()}", value)
        return argument or {}

    return give


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
def test_of_path_and_url_the_one_whose_place_counts_more_is_taken(folder, given, places, expected):
    config = PipelineConfig.load(**given(**places))

    assert expected == (config.db_url and str(config.db_url), str(config.db_path.relative_to(folder)))


@pytest.mark.parametrize(
    ("places", "named"),
    [
        ({"argument": {"db_path": "a.db", "db_url": WITH}}, "argument"),
        ({"environment": {"db_path": "a.db", "db_url": WITH}}, "environment variable PIPELINE_DB_URL"),
        ({"own": {"db_path": "a.db", "db_url": WITH}}, "pipeline.toml"),
    ],
)
def test_both_in_one_place_are_refused(given, places, named):
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load(**given(**places))

    text = f"db_url ({named}): db_path is given there too, and one of them is enough"
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
def test_what_is_no_right_url_is_refused_and_not_repeated(folder, name, value):
    with pytest.raises(UsageError, match=r"URL") as caught:
        PipelineConfig.load(**{name: value})

    assert "usage.setting" == caught.value.code
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


def test_the_password_is_in_no_text_of_the_settings(folder):
    runner = PipelineRunner(db_url=WITH)

    assert WITH == runner.config.db_url.with_password
    for text in (repr(runner.config), str(asdict(runner.config)), repr(pickle.dumps(runner.config))):
        assert SECRET not in text


def test_a_url_without_password_takes_that_of_the_environment(folder, monkeypatch):
    """As the parameter of a flow is, and a command that continues."""
    monkeypatch.setenv("PIPELINE_DB_URL", WITH)

    assert WITH == PipelineConfig.load(db_url=WITHOUT).db_url.with_password
    assert WITH == PipelineConfig.load(db_url=PipelineConfig.load(db_url=WITHOUT).db_url).db_url.with_password
    assert "postgresql://me@h/e" == PipelineConfig.load(db_url="postgresql://me@h/e").db_url.with_password


def test_what_is_gathered_for_another_setting_is_left_alone(folder, monkeypatch):
    monkeypatch.setenv("PIPELINE_DB_URL", WITH)

    assert {"engine": ("local", "argument")} == gather(["engine"], {"engine": "local"})
