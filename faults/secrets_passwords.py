"""Points with passwords of Prefect's API in every place where Prefect reads them."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from urllib.parse import quote

from prefect_proxy import answer_status, run_proxy
from prefect_servers import start_server
from secrets_checks import (
    LEVELS,
    PASSWORD,
    RECORD,
    URL,
    USER,
    Command,
    check_no_record,
    check_no_secret,
    check_terminal_safe,
    describe_output,
    read_files,
    run_command,
)
from sweep import Point, require


def _write_settings(folder: Path, place: str, url: str) -> dict[str, str]:
    """Write the URL or a key where Prefect reads it; return the environment variables it needs."""
    match place:
        case "environment":
            return {"PREFECT_API_URL": url}
        case "key":
            return {"PREFECT_API_URL": _remove_credentials(url), "PREFECT_API_KEY": PASSWORD}
        case "auth string":
            return {
                "PREFECT_API_URL": _remove_credentials(url),
                "PREFECT_API_AUTH_STRING": f"{USER}:{PASSWORD}",
            }
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


def _remove_credentials(url: str) -> str:
    return url.replace(URL, "http://")


def _serve_api(url: str, refuse: int | None, first: int) -> Iterator[str]:
    """Yield the URL of an API that works, or that refuses from one request on."""
    fault = answer_status(refuse or 500)
    with run_proxy(url, fault, first if refuse else 1_000_000, 1_000_000) as (through, _):
        yield through


def _check_password(
    folder: Path, place: str, refuse: int | None, first: int, level: str, *, terminal: bool
) -> None:
    (folder / "x.txt").write_text(f"{RECORD}\n", encoding="utf-8")
    for through in _serve_api(start_server(), refuse, first):
        url = through.replace("http://", URL)
        variables = _write_settings(folder, place, url)
        allowed = [path for path, _ in read_files(folder)]
        command = Command(["--log-level", level, "run-all", "x.txt"], variables, terminal)
        code, output = run_command(folder, command)
    require(code in (0, 8), f"exit {code}: {output}")
    check_no_secret(folder, output, allowed)
    check_no_record(output)
    check_terminal_safe(output)


def _check_unreachable(folder: Path, url: str, level: str) -> None:
    """Run against an API that does not exist, or with an invalid URL."""
    (folder / "x.txt").write_text(f"{RECORD}\n", encoding="utf-8")
    for words in (["run-all", "x.txt"], ["run-all", "--json", "x.txt"]):
        code, output = run_command(folder, Command(["--log-level", level, *words], {"PREFECT_API_URL": url}))
        require(code == 8, f"exit {code}: {output}")  # orchestration
        check_no_secret(folder, output)
        check_terminal_safe(output)


_UNREACHABLE_URLS = (
    f"http://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://{USER}:{PASSWORD}@127.0.0.1:9/api",
    f"http://{USER}:{PASSWORD}@127.0.0.1:9/\x1b[5;97;41mapi",
    f"ws://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://{quote(PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://127.0.0.1:9/api?token={quote(PASSWORD, safe='')}",
    f"http://{USER}:{quote(PASSWORD, safe='')}@[::1/api",
)


def make_password_points() -> Iterator[Point]:
    """Yield points with an API that works or refuses from one request on."""
    for place, refuse, level, terminal in product(_PLACES, (None, 401, 500), LEVELS, (False, True)):
        for first in (1, 5, 9) if refuse else (1,):
            answer = f"{refuse or 200} from request {first} on"
            label = f"a password in {place}, {answer}, {level}, {describe_output(terminal)}"
            yield Point(
                label,
                partial(
                    _check_password, place=place, refuse=refuse, first=first, level=level, terminal=terminal
                ),
            )


def make_unreachable_points() -> Iterator[Point]:
    """Yield points without an API."""
    for number, url in enumerate(_UNREACHABLE_URLS):
        yield Point(f"no API at {url!r}", partial(_check_unreachable, url=url, level=LEVELS[number % 2]))
