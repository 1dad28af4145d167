"""Settings files of the current folder that somebody else may have written."""

import grp
import logging
import os
import pwd
import socket
import subprocess
import sys
import threading

import pytest

from pipeline_orchestration import (
    OrchestrationError,
    PipelineRunner,
    UsageError,
    diagnose,
    resolve_pipeline_address,
)
from pipeline_orchestration.engines.dispatch import check_settings_files, choose
from pipeline_orchestration.settings.config import EngineName, PipelineConfig
from pipeline_orchestration.settings.file_trust import explain_distrust
from pipeline_orchestration.settings.sources import TEXT_PIPELINE

NOBODY = 65534
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")


def make_writable(path):
    path.chmod(path.stat().st_mode | 0o002)


def make_writable_by_group(path):
    os.chown(path, -1, 1)  # daemon, or whatever group has this number
    path.chmod(path.stat().st_mode | 0o020)


def make_folder_writable(path):
    path.parent.chmod(0o777)


def give_away(path):
    os.chown(path, NOBODY, -1)


def give_folder_away(path):
    os.chown(path.parent, NOBODY, -1)


def make_link_of_other(path):
    path.rename(path.with_name("target"))
    path.symlink_to("target")
    os.chown(path, NOBODY, -1, follow_symlinks=False)


def make_link_into_open_folder(path):
    folder = path.parent / "open"
    folder.mkdir()
    folder.chmod(0o777)
    path.rename(folder / "target")
    path.symlink_to("open/target")


SPOIL = [
    (make_writable, "others can write to it"),
    pytest.param(make_writable_by_group, "others can write to it", marks=ROOT),
    (make_folder_writable, "others can write to its folder"),
    pytest.param(give_away, f"it belongs to the user with the id {NOBODY}", marks=ROOT),
    pytest.param(give_folder_away, f"its folder belongs to the user with the id {NOBODY}", marks=ROOT),
    pytest.param(make_link_of_other, f"it belongs to the user with the id {NOBODY}", marks=ROOT),
    (make_link_into_open_folder, "others can write to its folder"),
]


@pytest.mark.parametrize(("spoil", "reason"), SPOIL)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pipeline.toml", "pipeline = 'evil:pipeline'"),
        ("pipeline.toml", "db_url = 'postgresql://evil.invalid/d'"),
        ("pyproject.toml", "[tool.pipeline]\nray_address = 'ray://evil.invalid:1'"),
        ("pyproject.toml", "[tool.pipeline.params]\nx = 1"),
    ],
)
def test_a_file_of_ours_is_refused(folder, name, text, spoil, reason):
    (folder / name).write_text(text)
    spoil(folder / name)

    with pytest.raises(UsageError) as caught:
        PipelineConfig.load()

    assert "usage.setting" == caught.value.code
    assert str(caught.value).startswith(f"{folder / name}: it is not read, as {reason}; ")
    assert PipelineConfig(no_settings_files=True) == PipelineConfig.load(no_settings_files=True)


@pytest.mark.parametrize(("spoil", "reason"), SPOIL)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "PREFECT_API_URL=http://evil.invalid/api"),
        (".env", "prefect_logging_settings_path=evil.yml"),
        ("prefect.toml", "[api]\nurl = 'http://evil.invalid/api'"),
        ("prefect.toml", "[logging]\nconfig_path = 'evil.yml'"),
        ("pyproject.toml", "[tool.prefect]\nprofiles_path = 'evil.toml'"),
    ],
)
def test_a_file_of_prefect_is_refused_where_prefect_runs(folder, name, text, spoil, reason):
    (folder / name).write_text(text)
    spoil(folder / name)

    with pytest.raises(OrchestrationError) as caught:
        choose(EngineName.PREFECT)

    assert "orchestration.settings" == caught.value.code
    assert f"{folder / name}: it is not read, as {reason}; " in str(caught.value)
    assert choose(EngineName.PREFECT, no_settings_files=True).temporary
    assert EngineName.LOCAL == choose(EngineName.LOCAL).engine


@pytest.mark.parametrize(
    ("name", "text"),
    [("pyproject.toml", "[tool.ruff]\nline-length = 110"), ("pipeline.toml", ""), (".env", "HOST=evil")],
)
def test_a_file_that_says_nothing_to_us_may_be_anybodys(folder, name, text):
    (folder / name).write_text(text)
    make_writable(folder / name)

    assert PipelineConfig() == PipelineConfig.load()
    assert choose(EngineName.PREFECT).temporary


def test_a_file_of_this_user_in_a_sticky_folder_counts(folder):
    """Such as ``/tmp``: others can make files there, but not replace this one."""
    (folder / "pipeline.toml").write_text("busy_timeout = 5")
    folder.chmod(0o1777)

    assert 5 == PipelineConfig.load().busy_timeout


def test_a_group_of_this_user_alone_may_write(folder, monkeypatch):
    """Many systems give each user a group of its own, and make files that it may write to."""
    file = folder / "pipeline.toml"
    file.write_text("busy_timeout = 5")
    file.chmod(0o664)
    group = 4321
    status = os.stat_result((0o100664, 0, 0, 1, os.geteuid(), group, 0, 0, 0, 0))
    user = pwd.struct_passwd(("me", "x", os.geteuid(), group, "", "", ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: user)
    monkeypatch.setattr(os, "lstat", lambda _: status)
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: status if path == file else stat(path, **options))
    for name, members, reason in (("me", [], None), ("me", ["other"], 1), ("staff", [], 1)):
        found = grp.struct_group((name, "x", group, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _, found=found: found)

        assert bool(reason) == bool(explain_distrust(file))


def test_what_a_file_names_is_logged_before_it_acts(folder, caplog):
    (folder / "mine.py").write_text(
        "import logging\nlogging.getLogger('pipeline_orchestration').warning('imported')\npipeline = None\n"
    )
    (folder / "pipeline.toml").write_text(
        "pipeline = 'mine.py:pipeline'\noutput_dir = 'out'\nbusy_timeout = 5\n"
        "db_url = 'postgresql://me:s3cret@host/d?application_name=s3cret'"
    )

    with caplog.at_level(logging.INFO), pytest.raises(UsageError, match="not a PipelineDefinition"):
        PipelineRunner()

    assert [
        "pipeline.toml names the pipeline: mine.py:pipeline",
        f"pipeline.toml names the output folder: {folder}/out",
        "pipeline.toml names the database: postgresql://me@host/d?…",
        "imported",
    ] == [record.getMessage() for record in caplog.records]


def test_a_command_without_a_run_logs_the_pipeline_too(folder, caplog):
    (folder / "pyproject.toml").write_text("[tool.pipeline]\npipeline = 'mine.py:pipeline'")

    with caplog.at_level(logging.INFO):
        assert "mine.py:pipeline" == resolve_pipeline_address(None)
        assert TEXT_PIPELINE == resolve_pipeline_address(None, no_settings_files=True)

    assert ["pyproject.toml names the pipeline: mine.py:pipeline"] == caplog.messages


@pytest.mark.parametrize(("value", "expected"), [("1", 30.0), ("yes", 30.0), ("0", 5.0), ("", 5.0)])
def test_the_environment_leaves_files_out(folder, monkeypatch, value, expected):
    (folder / "pipeline.toml").write_text("busy_timeout = 5")
    monkeypatch.setenv("PIPELINE_NO_SETTINGS_FILES", value)

    assert expected == PipelineConfig.load().busy_timeout


def test_a_file_cannot_leave_itself_out(folder):
    (folder / "pipeline.toml").write_text("no_settings_files = true")

    with pytest.raises(UsageError, match="a settings file cannot say this"):
        PipelineConfig.load()


@pytest.mark.parametrize("leaves_out", [True, False])
def test_a_dotenv_that_somebody_may_write_into_is_refused(folder, leaves_out):
    """Prefect would wait for the writer of a FIFO, and take what that writes for settings of the user."""
    os.mkfifo(folder / ".env")
    runner = PipelineRunner(engine="prefect", no_settings_files=leaves_out, log_level="OFF")

    (result,) = runner.run_many(["x.txt"])

    assert "orchestration.settings" == result.code
    assert result.error.endswith(f"{folder}/.env: it is no regular file")


def test_a_folder_may_be_called_dotenv(folder):
    (folder / ".env").mkdir()

    assert PipelineRunner(log_level="OFF").engine_choice.engine == "local"


def test_processes_would_read_the_files_of_prefect(folder):
    (folder / "prefect.toml").write_text("[logging]\nlevel = 'DEBUG'")

    check_settings_files("threads", no_settings_files=True)
    with pytest.raises(OrchestrationError, match="in the processes of dask, Prefect would read"):
        check_settings_files("dask", no_settings_files=True)


SCRIPT = """
from pipeline_orchestration.engines.dispatch import import_prefect
import_prefect(no_settings_files={left_out})
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL, temporary_settings
with temporary_settings({{PREFECT_LOGGING_LEVEL: "ERROR"}}):
    print(PREFECT_API_URL.value())
print(PREFECT_API_URL.value())
"""


@pytest.mark.parametrize(("left_out", "expected"), [(False, "http://evil.invalid/api"), (True, "None")])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "PREFECT_API_URL=http://evil.invalid/api"),
        (".env", "PREFECT_PROFILES_PATH=evil.toml"),
        ("prefect.toml", "[api]\nurl = 'http://evil.invalid/api'"),
        ("pyproject.toml", "[tool.prefect]\nprofiles_path = 'evil.toml'"),
    ],
)
def test_prefect_leaves_out_its_files(folder, name, text, left_out, expected):
    (folder / name).write_text(text)
    (folder / "evil.toml").write_text(
        "active = 'evil'\n[profiles.evil]\nPREFECT_API_URL = 'http://evil.invalid/api'"
    )

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(left_out=left_out)], capture_output=True, text=True, check=True
    )

    assert [expected, expected] == done.stdout.split()


def test_doctor_sends_no_password_to_a_host_that_a_file_names(folder, monkeypatch):
    """The server asks for one in the open."""
    received = []

    def serve():
        connection, _ = listening.accept()
        with connection:
            while data := connection.recv(4096):
                received.append(data)
                if data[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                    connection.sendall(b"N")
                elif data[:1] != b"p":
                    connection.sendall(b"R\0\0\0\x08\0\0\0\x03")

    monkeypatch.setenv("PGPASSWORD", "s3cret-word")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"postgresql://me@127.0.0.1:{listening.getsockname()[1]}/d"
        (folder / "pipeline.toml").write_text(f"db_url = '{url}'\noutput_dir = 's3://evil/out'")
        threading.Thread(target=serve, daemon=True).start()
        findings = {each.what: each for each in diagnose()}

    assert received
    assert b"s3cret-word" not in b"".join(received)
    assert (None, url) == (findings["database"].error, findings["database"].found)
    assert "none is sent to a server that a file of the current folder names" in findings["database"].hint
    assert ("s3://evil/out", True) == (findings["output"].found, "not asked" in findings["output"].hint)
