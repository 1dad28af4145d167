"""Prefect's client settings for a run of this process: its API, its password, its timeouts, its logging."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
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

from pipeline_jobs.escaping import escape
from pipeline_orchestration.exceptions import OrchestrationError

from .ephemeral_server import SERVER_PASSWORD, SERVER_VARIABLES, shared_server

# Prefect's own 60 s and 5 retries, after 2, 4, 8 … s, come to seven minutes for each request.
_REQUEST_LIMITS = {PREFECT_API_REQUEST_TIMEOUT: 20.0, PREFECT_CLIENT_MAX_RETRIES: 2}

_LONGEST_WAIT = 60.0  # seconds

_RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_ENGINE_LOGGER = "prefect.engine"  # in the process of a worker, in Prefect 3.7
_quiet_runs: set[str] = set()


@contextmanager
def configure_client_for_run() -> Iterator[bool]:
    """Configure Prefect for a flow run within the block; yield whether it uses the temporary server.

    Raises:
        OrchestrationError: ``orchestration.failed``: the temporary server could not be started;
            ``orchestration.settings``: the URL of the API is invalid.
    """
    url = PREFECT_API_URL.value()
    # At the end, the engine waits 0.9 s for its heartbeat thread; this process itself shows that it lives.
    updates = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    updates |= _extract_password(url) if url else _use_temporary_server()
    # In one call: each one makes Prefect read its settings again, in 0.1 s.
    with temporary_settings(updates, set_defaults=_REQUEST_LIMITS):
        yield not url


@contextmanager
def configure_client() -> Iterator[None]:
    """Configure Prefect for requests to the configured API within the block.

    Raises:
        OrchestrationError: ``orchestration.settings``: the URL of the API is invalid.
    """
    updates = _extract_password(PREFECT_API_URL.value() or "")
    with temporary_settings(updates, set_defaults=_REQUEST_LIMITS):
        yield


class WaitLimit:
    """Hook of an HTTP client: refuses to let an API put off a flow run for ever.

    Prefect's client waits as long as it is told, and asks again, until the run gets another state.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def __call__(self, response: httpx.Response) -> None:
        """Look at the answer to a proposed state.

        Raises:
            OrchestrationError: ``orchestration.failed``: the run has waited for a minute, or is to.
        """
        if not response.request.url.path.endswith("/set_state"):
            return
        response.read()
        match _parse_json(response):
            case {"status": "WAIT", "details": {"delay_seconds": int() | float() as delay}}:
                pass
            case {"status": "REJECT", "state": {"type": "PENDING"}}:
                delay = 0.0
            case _:
                self._since = None
                return
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now + delay - self._since > _LONGEST_WAIT:
            text = f"Prefect's API makes the run wait for more than {_LONGEST_WAIT:g} s"
            raise OrchestrationError(
                "orchestration.failed", f"{text}; try again later, or use --engine local"
            )


def _parse_json(response: httpx.Response) -> object:
    try:
        return response.json()
    except (ValueError, RecursionError):  # Prefect's client will say so
        return None


@contextmanager
def hide_tracebacks() -> Iterator[None]:
    """Keep Prefect from logging tracebacks of failures within the block, unless at DEBUG."""
    loggers = [logging.getLogger(name) for name in _RUN_LOGGERS]
    for logger in loggers:
        logger.addFilter(_clean_record)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_clean_record)


def hide_tracebacks_of_run(run: str) -> None:
    """Keep Prefect from logging tracebacks of a run for good, also after the flow, when a worker ends it."""
    if not _quiet_runs:
        for name in (*_RUN_LOGGERS, _ENGINE_LOGGER):
            logging.getLogger(name).addFilter(_clean_record_of_quiet_run)
    _quiet_runs.add(run)


def _use_temporary_server() -> dict[Any, str]:
    """Wait until the temporary server answers, and return the settings that point Prefect at it."""
    # Prefect imports this at its first run, in 0.2 s; we do it while the server starts.
    import fastapi.encoders  # noqa: F401, PLC0415

    if not shared_server.has_begun:
        # With settings made within this process, which are neither in the environment nor in a file.
        current = get_current_settings().to_environment_variables(exclude_unset=True)
        shared_server.begin({**current, **SERVER_VARIABLES})
    url = shared_server.wait_for_url()
    # The server has no pages; Prefect would log their address.
    return {PREFECT_API_AUTH_STRING: SERVER_PASSWORD, PREFECT_API_URL: url, PREFECT_UI_URL: ""}


def _extract_password(url: str) -> dict[Any, str]:
    """Return settings that hold user and password apart from the URL, which Prefect logs as it is."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises where an unescaped / in the password makes a part of it the port
        is_valid = parts.scheme in ("http", "https") and parts.hostname and not parts.query + parts.fragment
    except ValueError:  # its message quotes a part of the password
        is_valid = False
    if not is_valid:
        text = (
            "the URL of Prefect's API is invalid: expected https://user:password@host/api, "
            "with %2F for / in a password"
        )
        raise OrchestrationError("orchestration.settings", text)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return {}
    # User and password of the URL override any other password or key, as they do in httpx.
    return {PREFECT_API_URL: parts._replace(netloc=host).geturl(), PREFECT_API_AUTH_STRING: unquote(user)}


def _clean_record_of_quiet_run(record: logging.LogRecord) -> bool:
    is_quiet = str(getattr(record, "flow_run_id", "")) in _quiet_runs
    # The state of a run already says that it failed; the process of a worker logs it again, as an exception.
    if (
        (is_quiet or record.name == _ENGINE_LOGGER)
        and record.exc_info
        and isinstance(record.exc_info[1], FailedRun)
    ):
        return False
    return not is_quiet or _clean_record(record)


def _clean_record(record: logging.LogRecord) -> bool:
    """Remove the traceback of a record, or at DEBUG make it printable; never drop the record."""
    if record.exc_info and logging.getLogger(record.name).isEnabledFor(logging.DEBUG):
        text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = "\n".join(map(escape, text.split("\n")))
    else:
        record.exc_info = None
    return True
