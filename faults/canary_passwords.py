"""Points: passwords of Prefect's API, wherever Prefect reads them."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from urllib.parse import quote

from canary_checks import (
    LEVELS,
    PASSWORD,
    RECORD,
    URL,
    USER,
    Try,
    clean,
    files,
    keeps_secret,
    said_by,
    sink,
    unrecorded,
)
from prefect_proxy import proxied, status
from prefect_servers import server_url
from sweep import Point, must


def _settings_file(folder: Path, place: str, url: str) -> dict[str, str]:
    """Write the URL, or a key, where Prefect reads it; return what the environment needs."""
    match place:
        case "environment":
            return {"PREFECT_API_URL": url}
        case "key":
            return {"PREFECT_API_URL": _bare(url), "PREFECT_API_KEY": PASSWORD}
        case "auth string":
            return {"PREFECT_API_URL": _bare(url), "PREFECT_API_AUTH_STRING": f"{USER}:{PASSWORD}"}
        case ".env":
            text = f"PREFECT_API_URL={url}\n"
        case "prefect.toml":
            text = f'[api]\nurl = "{url}"\n'
        case "pyproject.toml":
            text = f'[tool.prefect.api]\nurl = "{url}"\n'
        case _:
            place = ".prefect/profiles.toml"
            text = f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{url}"\n'
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_text(text, encoding="utf-8")
    return {}


_PLACES = ("environment", "key", "auth string", ".env", "prefect.toml", "pyproject.toml", "profile")


def _bare(url: str) -> str:
    return url.replace(URL, "http://")


def _served(url: str, refuse: int | None, first: int) -> "Iterator[str]":
    """Yield the URL of an API: one that works, or refuses from a request on."""
    trouble = status(refuse or 500)
    with proxied(url, trouble, first if refuse else 1_000_000, 1_000_000) as (through, _):
        yield through


def _password(
    folder: Path, place: str, refuse: int | None, first: int, level: str, *, terminal: bool
) -> None:
    (folder / "x.txt").write_text(f"{RECORD}\n", encoding="utf-8")
    for through in _served(server_url(), refuse, first):
        url = through.replace("http://", URL)
        variables = _settings_file(folder, place, url)
        allowed = [path for path, _ in files(folder)]
        one = Try(["--log-level", level, "run-all", "x.txt"], variables, terminal)
        code, said = said_by(folder, one)
    must(code in (0, 8), f"exit {code}: {said}")
    keeps_secret(folder, said, allowed)
    unrecorded(said)
    clean(said)


def _nowhere(folder: Path, url: str, level: str) -> None:
    """Run against an API that is not there, or a URL that is none."""
    (folder / "x.txt").write_text(f"{RECORD}\n", encoding="utf-8")
    for words in (["run-all", "x.txt"], ["run-all", "--json", "x.txt"]):
        code, said = said_by(folder, Try(["--log-level", level, *words], {"PREFECT_API_URL": url}))
        must(code == 8, f"exit {code}: {said}")  # orchestration
        keeps_secret(folder, said)
        clean(said)


_NOWHERE = (
    f"http://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://{USER}:{PASSWORD}@127.0.0.1:9/api",
    f"http://{USER}:{PASSWORD}@127.0.0.1:9/\x1b[5;97;41mapi",
    f"ws://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://127.0.0.1:9/api?token={quote(PASSWORD, safe='')}",
    f"http://{USER}:{quote(PASSWORD, safe='')}@[::1/api",
)


def passwords() -> Iterator[Point]:
    """Yield points at which there is an API, which works or comes to refuse."""
    for place, refuse, level, terminal in product(_PLACES, (None, 401, 500), LEVELS, (False, True)):
        for first in (1, 5, 9) if refuse else (1,):
            label = (
                f"a password in {place}, {refuse or 200} from request {first} on, {level}, {sink(terminal)}"
            )
            yield Point(
                label,
                partial(_password, place=place, refuse=refuse, first=first, level=level, terminal=terminal),
            )


def nowhere() -> Iterator[Point]:
    """Yield points at which there is no API."""
    for number, url in enumerate(_NOWHERE):
        yield Point(f"no API at {url!r}", partial(_nowhere, url=url, level=LEVELS[number % 2]))
