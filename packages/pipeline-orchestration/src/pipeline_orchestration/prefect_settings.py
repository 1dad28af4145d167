"""The API URL Prefect itself would use, read without importing Prefect, which takes over a second.

As in Prefect 3.7 to 3.8, surprises included, the first of these counts: the environment; ``.env``,
``prefect.toml`` and ``[tool.prefect]`` of ``pyproject.toml`` in the current folder; the active profile.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

type _Table = Mapping[str, object]

# Prefect asks only whether one of these is not empty: "0" turns its test mode on too.
_TEST_MODE = (
    "PREFECT_TEST_MODE",
    "PREFECT_UNIT_TEST_MODE",
    "PREFECT_TESTING_TEST_MODE",
    "PREFECT_TESTING_UNIT_TEST_MODE",
)


@dataclass(frozen=True, slots=True)
class ApiUrl:
    """The URL of a Prefect API and, in words, the place where it is written.

    ``url`` may hold a password; ``shown`` and the repr do not.
    """

    url: str
    origin: str

    @property
    def shown(self) -> str:
        """The URL without user, password, query and fragment."""
        # Up to the last @: a password may hold a / or ? that should have been escaped.
        bare = re.sub(r"^([a-z][a-z0-9+.-]*://)?.*@", r"\1", self.url, flags=re.IGNORECASE | re.DOTALL)
        return re.split("[?#]", bare, maxsplit=1)[0]

    def __repr__(self) -> str:
        """Show no secret, wherever a traceback or a log may print it."""
        return f"ApiUrl({self.shown!r}, origin={self.origin!r})"


@dataclass(frozen=True, slots=True)
class _Source:
    """Settings by the names of their environment variables; no place means the environment itself."""

    settings: _Table
    place: str = ""

    def origin(self, name: str) -> str:
        return self.place or f"environment variable {name}"


def api_url(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> ApiUrl | None:
    """Return the API URL that Prefect would find, if any.

    An empty URL is none, and hides those of the places after it.

    Args:
        environ: the environment, ``os.environ`` by default; references such as ``${HOST}`` in ``.env`` are
            resolved with ``os.environ`` all the same.
        folder: the current folder by default.

    Raises:
        ValueError: Prefect would fail on these settings; names the file or variable.
    """
    try:
        sources = list(_sources(os.environ if environ is None else environ, (folder or Path()).absolute()))
    except OSError as error:  # its text names the file
        raise ValueError(f"settings of Prefect cannot be read: {error}") from error
    origin, url = next(_urls(sources), ("", None))
    match url:
        case None | "":
            return None
        case str():
            return ApiUrl(url, origin)
        case _:
            raise ValueError(f"{origin}: the URL of the Prefect API is not a string")


def _urls(sources: list[_Source]) -> Iterator[tuple[str, object]]:
    """Yield origin and value of all that is written as the URL, the highest rank first."""
    # Undocumented: the settings of the API as one JSON object, even a profile's, rank before all single ones.
    for source in sources:
        if (text := source.settings.get("PREFECT_API")) is not None:
            origin = source.origin("PREFECT_API")
            if "url" in (settings := _parsed(text, origin)):
                yield origin, settings["url"]
    for source in sources:
        if (url := source.settings.get("PREFECT_API_URL")) is not None:
            yield source.origin("PREFECT_API_URL"), url


def _parsed(text: object, origin: str) -> _Table:
    with suppress(ValueError):
        match json.loads(str(text)):
            case None:
                return {}
            case dict(settings):
                return settings
    raise ValueError(f"{origin}: PREFECT_API is not a JSON object; a URL goes in PREFECT_API_URL")


def _sources(environ: Mapping[str, str], folder: Path) -> Iterator[_Source]:
    """Yield what Prefect reads, the highest rank first."""
    dotenv = _dotenv(folder / ".env")
    yield _Source(_upper(environ))
    yield _Source(_upper(dotenv), str(folder / ".env"))
    paths: list[object] = [environ.get("PREFECT_PROFILES_PATH"), dotenv.get("PREFECT_PROFILES_PATH")]
    for file, keys in (folder / "prefect.toml", ()), (folder / "pyproject.toml", ("tool", "prefect")):
        table = _table(_toml(file), file, *keys)
        yield _Source({"PREFECT_API_URL": _table(table, file, "api").get("url")}, str(file))
        paths.append(table.get("profiles_path"))
    if not any(environ.get(name) for name in _TEST_MODE):
        # A PREFECT_HOME in one of the files moves other things, but not the profiles.
        paths.append((home := environ.get("PREFECT_HOME")) and f"{home}/profiles.toml")
        yield from _active_profile(_profiles_file(environ, folder, paths), environ.get("PREFECT_PROFILE"))


def _profiles_file(environ: Mapping[str, str], folder: Path, paths: Iterable[object]) -> Path:
    """Return the first path given, or else the user's own file, or else the one that Prefect ships."""
    match next(filter(None, paths), None):
        case str(path):
            return folder / path  # Prefect expands no ~ here
        case None:
            own = folder / (environ.get("HOME") or Path.home()) / ".prefect" / "profiles.toml"
            if not own.exists() and (prefect := find_spec("prefect")) and prefect.origin:
                return Path(prefect.origin).with_name("settings") / "profiles.toml"
            return own
        case _:
            raise ValueError(f"{folder}: profiles_path in prefect.toml or pyproject.toml is not a string")


def _active_profile(file: Path, chosen: str | None) -> Iterator[_Source]:
    """Yield the settings of the active profile; one that is not in the file gives no URL, as in Prefect."""
    contents = _toml(file)
    tables = _table(contents, file, "profiles")
    profiles = {name: _table(tables, file, name) for name in tables}
    active = chosen or contents.get("active")
    if isinstance(active, str) and active in profiles:
        yield _Source(profiles[active], f"profile {active!r} in {file}")


def _upper(variables: Mapping[str, str | None]) -> _Table:
    """Return variables by their names in capitals: Prefect takes a setting's name in any case."""
    return {name.upper(): value for name, value in variables.items()}


def _dotenv(file: Path) -> Mapping[str, str | None]:
    """Read a ``.env`` file; a missing one is empty."""
    if not file.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415  # takes 30 ms

    try:
        return dotenv_values(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: {error}") from error


def _toml(file: Path) -> _Table:
    """Read a TOML file; a missing one is empty."""
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: {error}") from error
    import tomllib  # noqa: PLC0415  # 3 ms to import, and most folders hold no such file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from error


def _table(table: _Table, file: Path, *keys: str) -> _Table:
    """Return a table inside one of a file's; a missing one is empty."""
    for key in keys:
        match table.get(key, {}):
            case dict(inner):
                table = inner
            case _:
                raise ValueError(f"{file}: {key} is not a table")
    return table
