"""The settings of a run, and what is said of bad ones."""

from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from pipeline_jobs import OnDuplicate
from pipeline_orchestration import EngineName, LogLevel, PipelineConfig, UsageError

DASK = "tcp://host:port, tls://host:port, ucx://host:port, ws://host:port or wss://host:port"
ALL = "output_dir, db_path, db_url, log_level, engine, pipeline, on_duplicate, encoding, busy_timeout"
ALL += ", max_record_bytes, concurrency, task_runner, dask_address, ray_address"


def test_defaults(folder):
    assert {
        "output_dir": folder / "data/output",
        "db_path": folder / "data/pipeline.db",
        "db_url": None,
        "log_level": LogLevel.INFO,
        "engine": EngineName.AUTO,
        "pipeline": "pipeline_orchestration.text:pipeline",
        "on_duplicate": OnDuplicate.SKIP,
        "encoding": "utf-8",
        "busy_timeout": 30.0,
        "max_record_bytes": 16 * 1024 * 1024,
        "concurrency": 1,
        "task_runner": None,
        "dask_address": None,
        "ray_address": None,
    } == asdict(PipelineConfig.load())


@pytest.mark.parametrize(
    ("argument", "variable", "own_file", "shared_file", "expected"),
    [
        (1, "2", 3, 4, 1.0),
        (None, "2", 3, 4, 2.0),
        (None, "", 3, 4, 3.0),
        (None, None, None, 4, 4.0),
        (None, None, None, None, 30.0),
    ],
)
def test_argument_before_environment_before_files_before_default(
    folder, monkeypatch, argument, variable, own_file, shared_file, expected
):
    if variable is not None:
        monkeypatch.setenv("PIPELINE_BUSY_TIMEOUT", variable)
    if own_file is not None:
        (folder / "pipeline.toml").write_text(f"busy_timeout = {own_file}")
    if shared_file is not None:
        (folder / "pyproject.toml").write_text(f"[tool.pipeline]\nbusy_timeout = {shared_file}")

    assert expected == PipelineConfig.load(busy_timeout=argument).busy_timeout


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("out", "{folder}/out"),
        (Path("out"), "{folder}/out"),
        ("~/out", "{home}/out"),
        ("/out", "/out"),
        ("", "{folder}"),
        ("a b\n%?#{x}", "{folder}/a b\n%?#{x}"),
    ],
)
def test_paths_become_absolute(folder, tmp_path, monkeypatch, given, expected):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = PipelineConfig.load(output_dir=given, db_path=given)

    path = Path(expected.replace("{folder}", str(folder)).replace("{home}", str(tmp_path)))
    assert (path, path) == (config.output_dir, config.db_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("log_level", "LOUD", "expected DEBUG, INFO, WARNING, ERROR, CRITICAL or OFF, got 'LOUD'"),
        ("engine", "dask", "expected auto, local or prefect, got 'dask'"),
        ("on_duplicate", "replace", "expected skip, load or error, got 'replace'"),
        ("busy_timeout", "soon", "expected a number of seconds, got 'soon'"),
        ("busy_timeout", "-1", "expected between 0 and 86400 seconds, got -1"),
        ("busy_timeout", "86401", "expected between 0 and 86400 seconds, got 86401"),
        ("busy_timeout", "nan", "expected between 0 and 86400 seconds, got nan"),
        ("max_record_bytes", "16M", "expected a number of bytes, got '16M'"),
        ("max_record_bytes", "1.5", "expected a number of bytes, got '1.5'"),
        ("max_record_bytes", "0", "expected between 1 and 1073741824 bytes, got 0"),
        ("max_record_bytes", "-1", "expected between 1 and 1073741824 bytes, got -1"),
        ("max_record_bytes", "1073741825", "expected between 1 and 1073741824 bytes, got 1073741825"),
        ("concurrency", "all", "expected a whole number, got 'all'"),
        ("concurrency", "0", "expected between 1 and 1024, got 0"),
        ("concurrency", "1025", "expected between 1 and 1024, got 1025"),
        ("task_runner", "mpi", "expected threads, processes, dask or ray, got 'mpi'"),
        ("dask_address", "host:8786", f"expected {DASK}, without a password"),
        ("dask_address", "tcp://me:secret@host:8786", f"expected {DASK}, without a password"),
        ("ray_address", "tcp://host:1", "expected ray://host:port, without a password"),
        ("encoding", "utf-99", "unknown text encoding 'utf-99', try utf-8 or latin-1"),
        ("output_dir", "~nobody-of-that-name/out", "there is no home directory ~nobody-of-that-name"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_place(folder, monkeypatch, name, value, message):
    """Wherever it stands: who reads the message can find the line to change."""
    places = [("argument", {name: value})]
    (folder / "pipeline.toml").write_text(f'{name} = "{value}"')
    places.append(("pipeline.toml", {}))
    for place, arguments in places:
        with pytest.raises(UsageError) as caught:
            PipelineConfig.load(**arguments)
        assert ("usage.setting", f"{name} ({place}): {message}") == (caught.value.code, str(caught.value))

    monkeypatch.setenv(f"PIPELINE_{name.upper()}", value)
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load()

    variable = f"environment variable PIPELINE_{name.upper()}"
    assert f"{name} ({variable}): {message}" == str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"task_runner": "processes"}, "processes"),
        ({"dask_address": "tcp://host:8786"}, "dask"),
        ({"ray_address": "ray://host:10001"}, "ray"),
        ({"dask_address": "tls://host:8786", "task_runner": "threads"}, "threads"),
    ],
)
def test_an_address_asks_for_its_task_runner(folder, given, expected):
    """Unless another is asked for by its name."""
    assert expected == PipelineConfig.load(**given).spreads_by


def test_one_made_by_hand_is_parsed_too(folder):
    """Settings that make no sense do not exist, however they are made."""
    config = PipelineConfig(output_dir="out", log_level="OFF", busy_timeout="2")

    assert PipelineConfig.load(output_dir="out", log_level="OFF", busy_timeout="2") == config
    assert (folder / "out", LogLevel.OFF, 2.0) == (config.output_dir, config.log_level, config.busy_timeout)
    with pytest.raises(ValueError, match=r"^expected auto, local or prefect, got 'dask'$"):
        PipelineConfig(engine="dask")
    with pytest.raises(ValueError, match=r"^unknown text encoding 'utf-99', try utf-8 or latin-1$"):
        PipelineConfig(encoding="utf-99")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("output_dir", "a\0b", "a path cannot hold a NUL character"),
        ("pipeline", 7, "expected text, got 7"),
        ("busy_timeout", 10**400, "expected between 0 and 86400 seconds, got inf"),
        ("busy_timeout", "\n-1", r"expected between 0 and 86400 seconds, got \n-1"),
        ("output_dir", "~\udcff/out", r"there is no home directory ~\xff"),
        ("engin", "local", f"unknown setting; there are {ALL}"),
    ],
)
def test_a_bad_argument_is_refused(name, value, message):
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load(**{name: value})

    assert f"{name} (argument): {message}" == str(caught.value)


def test_an_unknown_setting_cannot_steer_a_terminal(folder):
    (folder / "pipeline.toml").write_text(r'"\u001b[31m" = 1')

    with pytest.raises(UsageError, match=r"^\\x1b\[31m \(pipeline\.toml\): unknown setting;"):
        PipelineConfig.load()


@pytest.mark.parametrize(
    ("file", "text"),
    [("pipeline.toml", 'engin = "local"'), ("pyproject.toml", '[tool.pipeline]\nengin = "local"')],
)
def test_an_unknown_key_in_a_file_is_refused(folder, file, text):
    (folder / file).write_text(text)

    with pytest.raises(UsageError) as caught:
        PipelineConfig.load()

    assert f"engin ({file}): unknown setting; there are {ALL}" == str(caught.value)


def test_an_unknown_variable_is_somebody_elses(monkeypatch):
    """The prefix is a common word."""
    monkeypatch.setenv("PIPELINE_STAGE", "production")

    assert PipelineConfig.load() == PipelineConfig.load()


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        PipelineConfig.load().engine = EngineName.LOCAL


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("db_path = 7", "expected a path, got 7"),
        ("encoding = true", "expected text, got True"),
        ("busy_timeout = [1]", "expected a number of seconds, got [1]"),
        ("max_record_bytes = true", "expected a number of bytes, got True"),
        ("max_record_bytes = 1e3", "expected a number of bytes, got 1000.0"),
        ("log_level = {}", "expected DEBUG, INFO, WARNING, ERROR, CRITICAL or OFF, got {}"),
    ],
)
def test_a_value_of_another_type_is_refused(folder, line, message):
    (folder / "pipeline.toml").write_text(line)

    with pytest.raises(UsageError) as caught:
        PipelineConfig.load()

    assert f"{line.partition(' ')[0]} (pipeline.toml): {message}" == str(caught.value)
