"""The URL of Prefect's API: our answer and Prefect's, compared with the same files and variables."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline_orchestration.engines.prefect.api_url import ApiUrl, find_api_url

# One process asks Prefect about all cases.
pytestmark = pytest.mark.xdist_group("api_url")

# Importing Prefect takes 3 s. So it is imported once, and each case is a forked child: it drops the modules
# that read settings at their import, and imports them again in its own folder, which takes 0.4 s.
PREFECT = """
import json, os, sys
import prefect.context

def answer():
    for module in list(sys.modules):
        if module == "prefect.context" or module.startswith("prefect.settings"):
            del sys.modules[module]
    try:
        from prefect.settings import get_current_settings
        return get_current_settings().api.url or "none"
    except Exception as error:
        return f"failed: {type(error).__name__}"

for started, (name, folder, environ) in enumerate(json.load(sys.stdin)):
    if started >= (os.cpu_count() or 1):
        os.wait()
    if os.fork() == 0:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        os.write(1, json.dumps([name, answer()]).encode() + b"\\n")
        os._exit(0)
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
"""


@dataclass(frozen=True)
class Case:
    """Expected URL or message; files relative to the current folder; variables. HOME is ``../home``."""

    expected: str
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)


PROFILES = """
active = "work"
[profiles.work]
PREFECT_API_URL = "http://work/api"
[profiles.play]
PREFECT_API_URL = "http://play/api"
"""
OWN = {"../home/.prefect/profiles.toml": PROFILES}
PYPROJECT = {"pyproject.toml": '[tool.prefect.api]\nurl = "http://pyproject/api"', **OWN}
TOML = {"prefect.toml": '[api]\nurl = "http://toml/api"', **PYPROJECT}
DOTENV = {".env": "PREFECT_API_URL=http://dotenv/api", **TOML}
BAD_TOML = "[api\n"

FOUND = {
    "nothing written": Case("none"),
    "environment first": Case("http://environ/api", DOTENV, {"PREFECT_API_URL": "http://environ/api"}),
    "dotenv second": Case("http://dotenv/api", DOTENV),
    "prefect.toml third": Case("http://toml/api", TOML),
    "pyproject.toml fourth": Case("http://pyproject/api", PYPROJECT),
    "active profile last": Case("http://work/api", OWN),
    "empty variable hides the rest": Case("none", DOTENV, {"PREFECT_API_URL": ""}),
    "empty string in a file hides the rest": Case("none", {"prefect.toml": 'api.url = ""', **OWN}),
    "variable in lower case": Case("http://low/api", OWN, {"prefect_api_url": "http://low/api"}),
    "two underscores not read": Case("none", {}, {"PREFECT_API__URL": "http://environ/api"}),
    "JSON before the environment": Case(
        "http://json/api",
        {".env": """PREFECT_API='{"url": "http://json/api"}'"""},
        {"PREFECT_API_URL": "http://environ/api"},
    ),
    "reference in dotenv": Case(
        "http://here/api", {".env": "export HERE=here\nPREFECT_API_URL='http://${HERE}/api'"}
    ),
    "PREFECT_PROFILE": Case("http://play/api", OWN, {"PREFECT_PROFILE": "play"}),
    "PREFECT_PROFILE in dotenv not read": Case("http://work/api", {".env": "PREFECT_PROFILE=play", **OWN}),
    "unknown profile": Case("none", OWN, {"PREFECT_PROFILE": "nobody"}),
    "PREFECT_PROFILES_PATH in dotenv": Case(
        "http://work/api", {".env": "PREFECT_PROFILES_PATH=p.toml", "p.toml": PROFILES}
    ),
    "profiles_path in pyproject.toml": Case(
        "http://work/api", {"pyproject.toml": 'tool.prefect.profiles_path = "p.toml"', "p.toml": PROFILES}
    ),
    "PREFECT_HOME": Case("http://work/api", {"p/profiles.toml": PROFILES}, {"PREFECT_HOME": "p"}),
    "PREFECT_HOME in dotenv not read": Case("none", {".env": "PREFECT_HOME=p", "p/profiles.toml": PROFILES}),
    "tilde not expanded": Case("none", {"../home/p/profiles.toml": PROFILES}, {"PREFECT_HOME": "~/p"}),
    "profile that Prefect ships": Case("http://127.0.0.1:4200/api", {}, {"PREFECT_PROFILE": "local"}),
    "own profiles replace those shipped": Case("none", OWN, {"PREFECT_PROFILE": "local"}),
    "test mode without profiles": Case("none", OWN, {"PREFECT_TEST_MODE": "0"}),
    "ephemeral mode": Case("http://work/api", OWN, {"PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true"}),
}
REFUSED = {
    "bad prefect.toml": Case(
        "{folder}/prefect.toml: Expected ']' at the end of a table declaration (at line 1, column 5)",
        {"prefect.toml": BAD_TOML},
        {"PREFECT_API_URL": "http://environ/api"},
    ),
    "bad profiles": Case(
        "{folder}/p.toml: Expected ']' at the end of a table declaration (at line 1, column 5)",
        {"p.toml": BAD_TOML},
        {"PREFECT_PROFILES_PATH": "p.toml"},
    ),
    "profiles path is a folder": Case(
        "settings of Prefect cannot be read: [Errno 21] Is a directory: '{folder}/p'",
        {"p/profiles.toml": PROFILES},
        {"PREFECT_PROFILES_PATH": "p"},
    ),
    "dotenv not UTF-8": Case(
        "{folder}/.env: 'utf-8' codec can't decode byte 0xff in position 2: invalid start byte",
        {".env": "A=\udcff"},
    ),
    "no table": Case(
        "{folder}/pyproject.toml: prefect is not a table", {"pyproject.toml": "tool.prefect = 1"}
    ),
    "no string": Case(
        "{folder}/prefect.toml: the URL of the Prefect API is not a string", {"prefect.toml": "api.url = 1"}
    ),
    "no JSON": Case(
        "environment variable PREFECT_API: PREFECT_API is not a JSON object; a URL goes in PREFECT_API_URL",
        {},
        {"PREFECT_API": "http://environ/api"},
    ),
}


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ask Prefect about all cases in one process."""
    root = tmp_path_factory.mktemp("prefect")
    cases = [(name, *_lay_out(case, root / name)) for name, case in (FOUND | REFUSED).items()]
    request = json.dumps([(name, str(folder), environ) for name, folder, environ in cases])
    answers = _run_python(PREFECT, root, request)
    return dict(json.loads(line) for line in answers.splitlines())


def _lay_out(case: Case, root: Path) -> tuple[Path, dict[str, str]]:
    folder, home = root / "folder", root / "home"
    for new in folder, home:
        new.mkdir(parents=True)
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return folder, {"HOME": str(home), **case.environ}


def _run_python(code: str, folder: Path, text: str = "") -> str:
    """Run code in a new interpreter that has our packages, but neither our environment nor our home."""
    environ = {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environ,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FOUND)
def test_url_is_the_one_prefect_uses(name: str, tmp_path: Path, prefect: dict[str, str]) -> None:
    """We read the same sources in the same order."""
    folder, environ = _lay_out(FOUND[name], tmp_path)

    found = find_api_url(environ, folder)

    assert FOUND[name].expected == prefect[name] == (found.url if found else "none")


HOSTILE = {
    "dotenv that doubles a value": Case(
        "{folder}/.env: its values have more than 1048576 characters",
        {".env": "A=xxxxxxxx\n" + 40 * "A=${A}${A}\n"},
    ),
    "dotenv that doubles values": Case(
        "{folder}/.env: its values have more than 1048576 characters",
        {".env": "A0=xxxxxxxx\n" + "".join(f"A{n + 1}=${{A{n}}}${{A{n}:-}}\n" for n in range(40))},
    ),
    "dotenv too large": Case("{folder}/.env: it has more than 1048576 bytes", {".env": "A=1\n" * 300_000}),
    "key too long": Case(
        "{folder}/prefect.toml: a key has more than 20 parts", {"prefect.toml": 40_000 * "a." + "a = 1"}
    ),
    "nested too deep": Case("{folder}/prefect.toml: nested too deep", {"prefect.toml": "a = " + 5000 * "["}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_file_that_would_exhaust_memory_is_refused(name: str, tmp_path: Path) -> None:
    """Prefect is not asked about these."""
    folder, environ = _lay_out(HOSTILE[name], tmp_path)
    message = HOSTILE[name].expected.format(folder=folder)

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        find_api_url(environ, folder)


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_prefect_refuses_are_refused(
    name: str, tmp_path: Path, prefect: dict[str, str]
) -> None:
    """Our message names the file or the variable; Prefect's often does not."""
    folder, environ = _lay_out(REFUSED[name], tmp_path)
    message = REFUSED[name].expected.format(folder=folder)

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        find_api_url(environ, folder)

    assert prefect[name].startswith("failed")


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("environment first", "environment variable PREFECT_API_URL"),
        ("JSON before the environment", "{folder}/.env"),
        ("dotenv second", "{folder}/.env"),
        ("prefect.toml third", "{folder}/prefect.toml"),
        ("pyproject.toml fourth", "{folder}/pyproject.toml"),
        ("PREFECT_HOME", "profile 'work' in {folder}/p/profiles.toml"),
    ],
)
def test_the_origin_names_file_or_variable(name: str, origin: str, tmp_path: Path) -> None:
    """So a user finds the line to change."""
    folder, environ = _lay_out(FOUND[name], tmp_path)

    found = find_api_url(environ, folder)

    assert ApiUrl(FOUND[name].expected, origin.format(folder=folder)) == found


def test_environment_and_current_folder_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect reads no others."""
    folder, environ = _lay_out(FOUND["prefect.toml third"], tmp_path)
    monkeypatch.chdir(folder)
    for name in os.environ:
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", environ["HOME"])

    assert ApiUrl("http://toml/api", str(folder / "prefect.toml")) == find_api_url()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
        ("https://me:secret@host/api", "https://host/api"),
        ("https://secret@host:1/api?key=secret#secret", "https://host:1/api"),
        ("https://me:secret/?#secret@host/api", "https://host/api"),
        ("https://me:secret@secret@host/api", "https://host/api"),
        ("HTTPS://me:secret\nsecret@host", "HTTPS://host"),
        ("me:secret@host", "host"),
        ("http://[secret@", "http://"),
    ],
)
def test_no_secret_is_shown(url: str, shown: str) -> None:
    """Neither user, password nor query is shown, however wrong the URL is."""
    found = ApiUrl(url, "here")

    assert shown == found.shown
    assert f"ApiUrl({shown!r}, origin='here')" == repr(found)


def test_prefect_is_not_imported(tmp_path: Path) -> None:
    """Every run with ``--engine auto`` reads the URL, and importing Prefect takes over a second."""
    folder, environ = _lay_out(FOUND["profile that Prefect ships"], tmp_path)

    code = f"""
import sys
from pathlib import Path
from pipeline_orchestration.engines.prefect.api_url import find_api_url
print(find_api_url({environ}, Path({str(folder)!r})).url)
print([name for name in sys.modules if name.partition(".")[0] == "prefect"])
"""

    printed = _run_python(code, tmp_path)

    assert printed == "http://127.0.0.1:4200/api\n[]\n"
