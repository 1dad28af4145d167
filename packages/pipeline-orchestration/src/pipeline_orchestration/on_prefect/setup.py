"""Prefect set up for a run of this process: which API, with what password, and with what patience."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from prefect.exceptions import FailedRun
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_UI_URL,
    get_current_settings,
    temporary_settings,
)

from pipeline_jobs import shown
from pipeline_orchestration.errors import OrchestrationError

from .temporary_server import PASSWORD, VARIABLES, temporary_server

# Prefect's own 60 s and 5 retries, after 2, 4, 8 … s, come to seven minutes for each request.
_PATIENCE = {PREFECT_API_REQUEST_TIMEOUT: 20.0, PREFECT_CLIENT_MAX_RETRIES: 2}

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_ENGINE = "prefect.engine"  # of the process of a worker, in Prefect 3.7
_tidy: set[str] = set()


@contextmanager
def prefect_for_this_process() -> Iterator[bool]:
    """Set Prefect up for a flow run that begins and ends here; yield whether on a temporary server.

    Raises:
        OrchestrationError: ``orchestration.failed``: the temporary server could not be started;
            ``orchestration.settings``: the URL of the API makes no sense.
    """
    url = PREFECT_API_URL.value()
    # The engine joins its heartbeat thread for 0.9 s at the end; this process is the heartbeat.
    updates = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    updates |= _without_password(url) if url else _on_temporary_server()
    # All at once: each time, Prefect reads its settings anew, in 0.1 s.
    with temporary_settings(updates, set_defaults=_PATIENCE):
        yield not url


def _on_temporary_server() -> dict[Any, str]:
    """Return the settings that point Prefect at the temporary server, which answers."""
    # Prefect imports it at its first run, in 0.2 s; until the server answers there is time.
    import fastapi.encoders  # noqa: F401, PLC0415

    if not temporary_server.begun:
        # Settings that were made in this process, too, and stand neither in its environment nor in a file.
        made = get_current_settings().to_environment_variables(exclude_unset=True)
        temporary_server.begin({**made, **VARIABLES})
    url = temporary_server.url()
    # It has no pages for people, whose address Prefect would log.
    return {PREFECT_API_AUTH_STRING: PASSWORD, PREFECT_API_URL: url, PREFECT_UI_URL: ""}


@contextmanager
def configured_api() -> Iterator[None]:
    """Set Prefect up for a talk with the API that is configured.

    Raises:
        OrchestrationError: ``orchestration.settings``: the URL of the API makes no sense.
    """
    updates = _without_password(PREFECT_API_URL.value() or "")
    with temporary_settings(updates, set_defaults=_PATIENCE):
        yield


def _without_password(url: str) -> dict[Any, str]:
    """Return settings with user and password where Prefect keeps them: of a URL, it logs all."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it fails where a password holds a / as it is
        sound = parts.scheme in ("http", "https") and parts.hostname and not parts.query + parts.fragment
    except ValueError:  # which quotes a piece of the password
        sound = False
    if not sound:
        text = (
            "the URL of Prefect's API is none as https://user:password@host/api, with %2F for / in a password"
        )
        raise OrchestrationError("orchestration.settings", text)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return {}
    # As httpx has it, they count before any other password or key.
    return {PREFECT_API_URL: parts._replace(netloc=host).geturl(), PREFECT_API_AUTH_STRING: unquote(user)}


@contextmanager
def tidy_failures() -> Iterator[None]:
    """Keep Prefect from logging the tracebacks of failures; when debugging, make them printable."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(_tidied)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_tidied)


def keep_tidy(run: str) -> None:
    """Keep Prefect from logging tracebacks of a run's failures, also where a worker ends it."""
    if not _tidy:
        for name in (*_LOGGERS, _ENGINE):
            logging.getLogger(name).addFilter(_tidied_if_asked)
    _tidy.add(run)


def _tidied_if_asked(record: logging.LogRecord) -> bool:
    ours = str(getattr(record, "flow_run_id", "")) in _tidy
    # That a run failed is no news after its state; a process of a worker says so again, as an exception.
    if (ours or record.name == _ENGINE) and record.exc_info and isinstance(record.exc_info[1], FailedRun):
        return False
    return not ours or _tidied(record)


def _tidied(record: logging.LogRecord) -> bool:
    if record.exc_info and logging.getLogger(record.name).isEnabledFor(logging.DEBUG):
        text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = "\n".join(map(shown, text.split("\n")))
    else:
        record.exc_info = None
    return True
