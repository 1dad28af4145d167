"""The API URL Prefect itself would use, read without importing Prefect, which takes 2.7 s.

Follows ``prefect.settings`` of Prefect 3.7 to 3.8, surprises included. The first of these counts: the environment,
``.env``, ``prefect.toml`` and ``[tool.prefect]`` of ``pyproject.toml`` in the current folder, the active profile.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

type Table = Mapping[str, object]

# Prefect asks only whether one of these is not empty, so "0" turns its test mode on too.
_TEST_MODE = (
    "PREFECT_TEST_MODE",
    "PREFECT_UNIT_TEST_MODE",
    "PREFECT_TESTING_TEST_MODE",
    "PREFECT_TESTING_UNIT_TEST_MODE",
)


@dataclass(frozen=True, slots=True)
class ApiUrl:
    """The URL of a Prefect API and the place where it is written, in words.

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
        return f"ApiUrl({self.shown!r}, origin={self.origin!r})"


@dataclass(frozen=True, slots=True)
class _Source:
    """Settings by the names of their environment variables, and the file they stand in, if any."""

    settings: Table
    file: str = ""

    def origin(self, name: str) -> str:
        return self.file or f"environment variable {name}"


def api_url(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> ApiUrl | None:
    """Return the API URL that Prefect would find, if any.

    An empty URL is none, and hides those of the sources after it.

    Args:
        environ: the environment, ``os.environ`` by default. References such as ``${HOST}`` in a ``.env`` file are
            resolved with ``os.environ`` all the same.
        folder: the current folder by default.

    Raises:
        ValueError: Prefect would fail on these settings; names the file or variable.
    """
    found = _urls(list(_sources(os.environ if environ is None else environ, (folder or Path()).absolute())))
    origin, url = next(found, ("", None))
    if not isinstance(url, str | None):
        raise ValueError(f"{origin}: the URL of the Prefect API is not a string")  # noqa: TRY004
    return ApiUrl(url, origin) if url else None


def _urls(sources: list[_Source]) -> Iterator[tuple[str, object]]:
    """Yield origin and value of what is written as the URL, the highest rank first."""
    # In any source, all settings of the API as one JSON object rank before each of them in every source.
    for source in sources:
        if (text := source.settings.get("PREFECT_API")) is not None:
            settings = _json_object(text, source.origin("PREFECT_API"))
            if "url" in settings:
                yield source.origin("PREFECT_API"), settings["url"]
    for source in sources:
        if (url := source.settings.get("PREFECT_API_URL")) is not None:
            yield source.origin("PREFECT_API_URL"), url


def _sources(environ: Mapping[str, str], folder: Path) -> Iterator[_Source]:
    """Yield where Prefect looks, the highest rank first."""
    dotenv = _dotenv(folder / ".env")
    yield _Source(_upper(environ))
    yield _Source(_upper(dotenv), str(folder / ".env"))
    paths = [environ.get("PREFECT_PROFILES_PATH"), dotenv.get("PREFECT_PROFILES_PATH")]
    for file, keys in ((folder / "prefect.toml", ()), (folder / "pyproject.toml", ("tool", "prefect"))):
        settings = _table(file, _toml(file), *keys)
        yield _Source({"PREFECT_API_URL": _table(file, settings, "api").get("url")}, str(file))
        paths.append(settings.get("profiles_path"))
