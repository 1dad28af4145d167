"""URL of the API that Prefect itself would use, found without importing Prefect, which takes over a second.

Prefect documents no way to read its settings without importing it. This module follows Prefect 3.7 to 3.9,
surprises included; the tests compare it with Prefect, case by case. The first source that holds a URL counts:

1. the environment
2. ``.env`` in the current folder
3. ``prefect.toml`` in the current folder
4. ``[tool.prefect]`` of ``pyproject.toml`` in the current folder
5. the active profile
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipeline_orchestration.settings.file_trust import explain_distrust, make_refusal
from pipeline_orchestration.settings.sources import MAX_FILE_BYTES, read_toml

type _Table = Mapping[str, object]

# Prefect only asks whether one of these is empty: "0" turns on its test mode, too.
_TEST_MODE = (
    "PREFECT_TEST_MODE",
    "PREFECT_UNIT_TEST_MODE",
    "PREFECT_TESTING_TEST_MODE",
    "PREFECT_TESTING_UNIT_TEST_MODE",
)


_REFERENCE = re.compile(r"\$\{([^}]*)\}")  # with a default, as in ${HOST:-localhost}


class ApiUrl(NamedTuple):
    """URL of a Prefect API and, in words, the place where it was found.

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
        """Hide secrets from tracebacks and logs."""
        return f"ApiUrl({self.shown!r}, origin={self.origin!r})"


def find_api_url(
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    *,
    no_settings_files: bool = False,
) -> ApiUrl | None:
    """Return the API URL that Prefect would find, if any.

    An empty URL means that there is none, and hides those of later sources.

    Args:
        environ: environment, ``os.environ`` by default; references such as ``${HOST}`` in ``.env`` are always
            resolved with ``os.environ``.
        folder: current folder by default.
        no_settings_files: leave out the files of the folder.

    Raises:
        ValueError: Prefect would fail on these settings; the message names the file or variable.
    """
    environ, folder = os.environ if environ is None else environ, (folder or Path()).absolute()
    try:
        sources = _read_sources(environ, folder, no_settings_files=no_settings_files)
    except OSError as error:  # its text names the file
        raise ValueError(f"settings of Prefect cannot be read: {error}") from error
    origin, url = next(_find_urls(sources), ("", None))
    match url:
        case None | "":
            return None
        case str():
            return ApiUrl(url, origin)
        case _:
            raise ValueError(f"{origin}: the URL of the Prefect API is not a string")


def check_settings_files() -> None:
    """Refuse files of the current folder that Prefect would read, if somebody else may have written them.

    Raises:
        ValueError: one of them has a setting of Prefect; or it cannot be read.
    """
    for path in list_settings_files():
        if reason := explain_distrust(path):
            raise ValueError(f"{path}: {make_refusal(reason)}")


def check_dotenv(file: Path) -> None:
    """Refuse a ``.env`` that is a FIFO or a device: Prefect would wait for what somebody writes into it.

    Raises:
        ValueError: it is one.
    """
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise ValueError(f"{file}: it is no regular file")


def list_settings_files() -> list[Path]:
    """Return the files of the current folder that hold a setting of Prefect.

    Raises:
        ValueError: one of them cannot be read.
    """
    folder = Path.cwd()
    try:
        dotenv = any(name.upper().startswith("PREFECT_") for name in _read_dotenv(folder / ".env"))
        tables = {
            folder / ".env": dotenv,
            folder / "prefect.toml": _read_toml(folder / "prefect.toml"),
            (file := folder / "pyproject.toml"): _get_table(_read_toml(file), file, "tool", "prefect"),
        }
    except OSError as error:  # its text names the file
        raise ValueError(str(error)) from error
    return [path for path, found in tables.items() if found]


class _Source(NamedTuple):  # made in a fifth of the time that a dataclass takes
    """Settings of one place, by the names of their environment variables; no file means the environment."""

    settings: _Table
    file: str = ""

    def describe(self, name: str) -> str:
        return self.file or f"environment variable {name}"


def _find_urls(sources: list[_Source]) -> Iterator[tuple[str, object]]:
    """Yield origin and value of each URL, the highest rank first."""
    # Undocumented: the settings of the API as a JSON object, even in a profile, rank before all single ones.
    for source in sources:
        if (text := source.settings.get("PREFECT_API")) is not None:
            origin = source.describe("PREFECT_API")
            if "url" in (settings := _parse_json(text, origin)):
                yield origin, settings["url"]
    for source in sources:
        if (url := source.settings.get("PREFECT_API_URL")) is not None:
            yield source.describe("PREFECT_API_URL"), url


def _read_sources(environ: Mapping[str, str], folder: Path, *, no_settings_files: bool) -> list[_Source]:
    """Return what Prefect reads, the highest rank first."""
    sources = [_Source(_upper_names(environ))]
    profile_paths: list[object] = [environ.get("PREFECT_PROFILES_PATH")]
    if not no_settings_files:
        dotenv = _read_dotenv(folder / ".env")
        sources.append(_Source(_upper_names(dotenv), str(folder / ".env")))
        profile_paths.append(dotenv.get("PREFECT_PROFILES_PATH"))
        for file, keys in (folder / "prefect.toml", ()), (folder / "pyproject.toml", ("tool", "prefect")):
            if not (contents := _read_toml(file)):
                continue
            table = _get_table(contents, file, *keys)
            sources.append(_Source({"PREFECT_API_URL": _get_table(table, file, "api").get("url")}, str(file)))
            profile_paths.append(table.get("profiles_path"))
    if any(map(environ.get, _TEST_MODE)):
        return sources
    # A PREFECT_HOME in one of the files moves other things, but not the profiles.
    if home := environ.get("PREFECT_HOME"):
        profile_paths.append(f"{home}/profiles.toml")
    path = next(filter(None, profile_paths), None)
    if not isinstance(path, str | None):
        raise ValueError(f"{folder}: profiles_path in prefect.toml or pyproject.toml is not a string")  # noqa: TRY004  # as documented
    # Prefect does not expand a ~ here.
    file = folder / path if path else _find_default_profiles(environ, folder)
    if profile := _read_active_profile(file, environ.get("PREFECT_PROFILE")):
        sources.append(profile)
    return sources


def find_profiles() -> Path:
    """Return the file of profiles that Prefect uses where no settings file names another one."""
    folder, home = Path.cwd(), os.environ.get("PREFECT_HOME")
    return folder / home / "profiles.toml" if home else _find_default_profiles(os.environ, folder)


def _find_default_profiles(environ: Mapping[str, str], folder: Path) -> Path:
    """Return the user's own file of profiles, or else the one that Prefect ships."""
    home = environ.get("HOME") or find_home()
    own = folder / (home or "") / ".prefect" / "profiles.toml"
    if not (home and own.exists()) and (prefect := find_spec("prefect")) and prefect.origin:
        return Path(prefect.origin).with_name("settings") / "profiles.toml"
    return own


def find_home() -> Path | None:
    """Return the home of the user; None if neither HOME nor the list of users has one, as in a container."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _read_active_profile(file: Path, chosen: str | None) -> _Source | None:
    """Return the settings of the active profile; one that is not in the file gives no URL, as in Prefect."""
    contents = _read_toml(file)
    tables = _get_table(contents, file, "profiles")
    profiles = {name: _get_table(tables, file, name) for name in tables}
    active = chosen or contents.get("active")
    if not isinstance(active, str) or active not in profiles:
        return None
    return _Source(profiles[active], f"profile {active!r} in {file}")


def _upper_names(variables: Mapping[str, str | None]) -> _Table:
    """Return variables by their names in capitals, as Prefect takes the name of a setting in any case."""
    return {name.upper(): value for name, value in variables.items()}


def _parse_json(text: object, origin: str) -> _Table:
    with suppress(ValueError):
        match json.loads(str(text)):
            case None:
                return {}
            case dict(settings):
                return settings
    raise ValueError(f"{origin}: PREFECT_API is not a JSON object; a URL goes in PREFECT_API_URL")


def _read_dotenv(file: Path) -> Mapping[str, str | None]:
    """Read a ``.env`` file; a missing one is empty, as is a folder: some call a virtual environment so."""
    check_dotenv(file)
    if not file.is_file():
        return {}
    from dotenv.main import DotEnv, dotenv_values  # noqa: PLC0415  # takes 30 ms

    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"{file}: it has more than {MAX_FILE_BYTES} bytes")
        _check_references(file, DotEnv(file, interpolate=False).parse())
        return dotenv_values(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: {error}") from error


def _check_references(file: Path, lines: Iterable[tuple[str, str | None]]) -> None:
    """Refuse references such as ``A=${A}${A}``, line by line: each doubles what the values take.

    Raises:
        ValueError: the values would have more characters than a file may have bytes.
    """
    sizes: dict[str, int] = {}
    total = 0
    for name, value in lines:
        references = [match[1].partition(":-") for match in _REFERENCE.finditer(value or "")]
        known = (sizes.get(each, len(os.environ.get(each, default))) for each, _, default in references)
        sizes[name] = len(value or "") + sum(known)
        total += sizes[name]
        if total > MAX_FILE_BYTES:
            raise ValueError(f"{file}: its values have more than {MAX_FILE_BYTES} characters")


def _read_toml(file: Path) -> _Table:
    """Read a TOML file; a missing one is empty."""
    if not os.path.lexists(file):
        return {}
    try:
        return read_toml(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _get_table(table: _Table, file: Path, *keys: str) -> _Table:
    """Return a table inside a table of a file; a missing one is empty."""
    for key in keys:
        match table.get(key, {}):
            case dict(inner):
                table = inner
            case _:
                raise ValueError(f"{file}: {key} is not a table")
    return table
