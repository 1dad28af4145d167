"""Selection of the engine, and the reason for it."""

import pytest

from pipeline_orchestration import EngineChoice, EngineName, OrchestrationError
from pipeline_orchestration.engines.dispatch import choose, is_worth_processes
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.settings.sources import TEXT_PIPELINE

LOCAL, PREFECT, AUTO = EngineName.LOCAL, EngineName.PREFECT, EngineName.AUTO
REASON = "environment variable PREFECT_API_URL names the API http://127.0.0.1:4200/api"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (AUTO, EngineChoice(LOCAL, "no Prefect API is configured")),
        (LOCAL, EngineChoice(LOCAL, "asked for")),
        (
            PREFECT,
            EngineChoice(
                PREFECT,
                "asked for; no API is configured, so Prefect starts a temporary server",
                temporary=True,
            ),
        ),
    ],
)
def test_without_an_api_auto_is_local(asked, expected):
    assert expected == choose(asked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (AUTO, EngineChoice(PREFECT, REASON)),
        (LOCAL, EngineChoice(LOCAL, "asked for")),
        (PREFECT, EngineChoice(PREFECT, REASON)),
    ],
)
def test_with_an_api_auto_is_prefect(monkeypatch, asked, expected):
    """The reason is printed, so it must not contain the password."""
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secret@127.0.0.1:4200/api")

    assert expected == choose(asked)


def test_the_reason_is_printable(folder, monkeypatch):
    place = folder / "\x1b[31mred\n"
    place.mkdir()
    (place / ".env").write_text("PREFECT_API_URL=http://127.0.0.1:4200/api")
    monkeypatch.chdir(place)

    expected = f"{folder}/\\x1b[31mred\\n/.env names the API http://127.0.0.1:4200/api"
    assert expected == choose(AUTO).reason


@pytest.mark.parametrize("asked", [AUTO, PREFECT])
def test_settings_that_prefect_cannot_read_are_an_error(folder, asked):
    (folder / "prefect.toml").write_text("[api")

    with pytest.raises(OrchestrationError) as caught:
        choose(asked)

    text = (
        f"Prefect's settings cannot be read: {folder}/prefect.toml: "
        "Expected ']' at the end of a table declaration (at end of document)"
    )
    assert ("orchestration.settings", text) == (caught.value.code, str(caught.value))


def test_the_local_engine_does_not_read_the_settings_of_prefect(folder):
    (folder / "prefect.toml").write_text("[api")

    assert LOCAL is choose(LOCAL).engine


def test_a_task_runner_selects_prefect(folder):
    """Unless the local engine is asked for by name."""
    from pipeline_orchestration import TaskRunnerName

    chosen = choose(AUTO, TaskRunnerName.DASK)

    assert EngineName.PREFECT is chosen.engine
    assert chosen.reason.startswith("it has the task runner dask, which is asked for; no API is configured")
    assert LOCAL is choose(LOCAL, TaskRunnerName.DASK).engine


@pytest.mark.parametrize(
    ("pipeline", "inputs", "expected"),
    [
        (TEXT_PIPELINE, ["1"] * 10, False),
        (TEXT_PIPELINE, ["1"] * 1000, True),
        ("mine.py:pipeline", ["1"], False),
        ("mine.py:pipeline", ["1", "2"], True),
    ],
)
def test_processes_are_started_only_if_they_are_worth_it(pipeline, inputs, expected):
    """They take most of a second to start; how long a user's own jobs take is not known."""
    assert expected == is_worth_processes(pipeline, [RunInput.parse(each) for each in inputs])
