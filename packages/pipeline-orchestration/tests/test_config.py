"""Settings: defaults, precedence of their sources, and errors for invalid values."""

import json
import os
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from pipeline_jobs import OnDuplicate, parse_reject_limit
from pipeline_orchestration import EngineName, LogLevel, PipelineConfig, TaskRunnerName, UsageError

DASK = "tcp://host:port, tls://host:port, ucx://host:port, ws://host:port or wss://host:port"
REJECTS = "expected a number of rows from 0 to 9223372036854775807, or a percentage from 0% to 100%"
ALL = "log_level, output_dir, db_path, db_url, engine, pipeline, no_settings_files, concurrency, task_runner"
ALL += ", dask_address, ray_address, on_duplicate, encoding, max_rejects, max_record_bytes"
ALL += ", max_unpacked_bytes, max_unpacked_ratio, busy_timeout"


def test_defaults(folder):
    assert {
        "output_dir": folder / "data/output",
        "db_path": folder / "data/pipeline.db",
        "db_url": None,
        "log_level": LogLevel.INFO,
        "engine": EngineName.AUTO,
        "pipeline": "pipeline_orchestration.text_pipeline:pipeline",
        "on_duplicate": OnDuplicate.SKIP,
        "encoding": "utf-8",
        "max_rejects": None,
        "busy_timeout": 30.0,
        "max_record_bytes": 16 * 1024 * 1024,
        "max_unpacked_bytes": 1024**4,
        "max_unpacked_ratio": 2000,
        "no_settings_files": False,
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
        ("file:///a%20b/%FF", "/a b/\udcff"),
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
        ("busy_timeout", "soon", "expected a number of seconds from 0 to 86400, got 'soon'"),
        ("busy_timeout", "-1", "expected a number of seconds from 0 to 86400, got '-1'"),
        ("busy_timeout", "86401", "expected a number of seconds from 0 to 86400, got '86401'"),
        ("busy_timeout", "nan", "expected a number of seconds from 0 to 86400, got 'nan'"),
        (
            "max_unpacked_bytes",
            "0",
            "expected a number of bytes from 1 to 1125899906842624, got '0'",
        ),
        ("max_unpacked_ratio", "0.5", "expected a whole number from 1 to 1125899906842624, got '0.5'"),
        ("max_rejects", "some", f"{REJECTS}, got 'some'"),
        ("max_rejects", "-1", f"{REJECTS}, got '-1'"),
        ("max_rejects", "101%", f"{REJECTS}, got '101%'"),
        ("max_record_bytes", "16M", "expected a number of bytes from 1 to 1073741824, got '16M'"),
        ("max_record_bytes", "1.5", "expected a number of bytes from 1 to 1073741824, got '1.5'"),
        ("max_record_bytes", "0", "expected a number of bytes from 1 to 1073741824, got '0'"),
        ("max_record_bytes", "-1", "expected a number of bytes from 1 to 1073741824, got '-1'"),
        (
            "max_record_bytes",
            "1073741825",
            "expected a number of bytes from 1 to 1073741824, got '1073741825'",
        ),
        ("concurrency", "all", "expected a whole number from 1 to 1024, got 'all'"),
        ("concurrency", "0", "expected a whole number from 1 to 1024, got '0'"),
        ("concurrency", "1025", "expected a whole number from 1 to 1024, got '1025'"),
        ("task_runner", "mpi", "expected threads, processes, dask or ray, got 'mpi'"),
        ("dask_address", "host:8786", f"expected {DASK}, without a password"),
        ("dask_address", "tcp://me:secret@host:8786", f"expected {DASK}, without a password"),
        ("dask_address", "tcp://host:8786?token=secret", f"expected {DASK}, without a password"),
        ("dask_address", "tcp://host:8786/#secret", f"expected {DASK}, without a password"),
        ("ray_address", "tcp://host:1", "expected ray://host:port, without a password"),
        ("encoding", "utf-99", "unknown text encoding 'utf-99', try utf-8 or latin-1"),
        ("output_dir", "~nobody-of-that-name/out", "there is no home directory ~nobody-of-that-name"),
    ],
)
def test_the_error_for_an_invalid_value_names_setting_and_source(folder, monkeypatch, name, value, message):
    """So a user finds the line to change."""
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
def test_the_address_of_a_cluster_selects_its_task_runner(folder, given, expected):
    """Unless a task runner is given by name."""
    assert expected == PipelineConfig.load(**given).requested_task_runner


def test_the_constructor_parses_too(folder):
    """No `PipelineConfig` has an invalid value, however it is made."""
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
        (
            "busy_timeout",
            10**400,
            "expected a number of seconds from 0 to 86400, got 100000000000000000...0000000000000000000",
        ),
        ("busy_timeout", "\n-1", r"expected a number of seconds from 0 to 86400, got '\n-1'"),
        ("db_path", "s3://bucket/p.db", "expected a file on this machine, got a URL of s3"),
        ("output_dir", "~\udcff/out", r"there is no home directory ~\xff"),
        ("engin", "local", f"unknown setting; there are {ALL}"),
    ],
)
def test_an_invalid_argument_is_refused(name, value, message):
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load(**{name: value})

    assert f"{name} (argument): {message}" == str(caught.value)


def test_the_name_of_an_unknown_setting_is_escaped(folder):
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


def test_an_unknown_variable_is_ignored(monkeypatch):
    """Other programs use the prefix, a common word, as well."""
    monkeypatch.setenv("PIPELINE_STAGE", "production")

    assert PipelineConfig.load() == PipelineConfig.load()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("log_level", "info", LogLevel.INFO),
        ("log_level", "Warning", LogLevel.WARNING),
        ("engine", "LOCAL", EngineName.LOCAL),
        ("on_duplicate", "Load", OnDuplicate.LOAD),
        ("task_runner", "DASK", TaskRunnerName.DASK),
    ],
)
def test_a_choice_may_be_written_in_any_case(folder, monkeypatch, name, text, expected):
    """In every source, as on the command line."""
    (folder / "pipeline.toml").write_text(f'{name} = "{text}"')
    assert expected is getattr(PipelineConfig.load(), name)

    monkeypatch.setenv(f"PIPELINE_{name.upper()}", text)
    assert expected is getattr(PipelineConfig.load(), name)
    assert expected is getattr(PipelineConfig.load(**{name: text}), name)


@pytest.mark.parametrize(("line", "limit"), [("50", "50"), ('"50"', "50"), ('"0.5%"', "0.5%")])
def test_limit_on_rejects_is_a_number_or_a_percentage(folder, line, limit):
    (folder / "pipeline.toml").write_text(f"max_rejects = {line}")

    assert parse_reject_limit(limit) == PipelineConfig.load().max_rejects


def test_all_errors_are_gathered_with_setting_and_source(folder, monkeypatch):
    """Valid settings keep their values."""
    monkeypatch.setenv("PIPELINE_ENGINE", "dask")
    (folder / "pipeline.toml").write_text('concurrency = 0\nencoding = "latin-1"')

    config, errors, places = PipelineConfig.gather({"busy_timeout": 5})

    variable = "environment variable PIPELINE_ENGINE"
    assert {
        "concurrency": "concurrency (pipeline.toml): expected a whole number from 1 to 1024, got 0",
        "engine": f"engine ({variable}): expected auto, local or prefect, got 'dask'",
    } == {name: str(error) for name, error in errors.items()}
    assert (1, EngineName.AUTO, "iso8859-1", 5.0) == (
        config.concurrency,
        config.engine,
        config.encoding,
        config.busy_timeout,
    )
    assert {
        "concurrency": "pipeline.toml",
        "encoding": "pipeline.toml",
        "engine": variable,
        "busy_timeout": "argument",
    } == places


def test_flow_parameters_are_json_and_give_the_same_settings(folder):
    odd = folder / os.fsdecode(b"\xff\n")
    config = PipelineConfig(output_dir=odd, db_path="p.db", concurrency=4, max_rejects="0.5%")

    parameters = config.to_parameters()

    assert (odd.as_uri(), f"{folder}/p.db") == (parameters["output_dir"], parameters["db_path"])
    assert config == PipelineConfig.load(**json.loads(json.dumps(parameters)))


def test_flow_parameters_for_a_server_have_neither_its_password_nor_a_path():
    parameters = PipelineConfig(db_url="postgresql://me:secret@host/data").to_parameters()

    assert "postgresql://me@host/data" == parameters["db_url"]
    assert "db_path" not in parameters


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        PipelineConfig.load().engine = EngineName.LOCAL


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("db_path = 7", "expected a path, got 7"),
        ("encoding = true", "expected text, got True"),
        ("busy_timeout = true", "expected a number of seconds from 0 to 86400, got True"),
        ("busy_timeout = [1]", "expected a number of seconds from 0 to 86400, got [1]"),
        ("max_rejects = true", f"{REJECTS}, got True"),
        ("max_rejects = 1.5", f"{REJECTS}, got 1.5"),
        ("max_record_bytes = true", "expected a number of bytes from 1 to 1073741824, got True"),
        ("max_record_bytes = 1e3", "expected a number of bytes from 1 to 1073741824, got 1000.0"),
        ("log_level = {}", "expected DEBUG, INFO, WARNING, ERROR, CRITICAL or OFF, got {}"),
    ],
)
def test_a_value_of_another_type_is_refused(folder, line, message):
    (folder / "pipeline.toml").write_text(line)

    with pytest.raises(UsageError) as caught:
        PipelineConfig.load()

    assert f"{line.partition(' ')[0]} (pipeline.toml): {message}" == str(caught.value)
