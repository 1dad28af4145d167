"""Health check of Prefect's API that does not import Prefect, which takes over a second."""

import time
from threading import Thread
from typing import TYPE_CHECKING

from pipeline_jobs import Finding
from pipeline_jobs.storage.location import redact_urls
from pipeline_orchestration.exceptions import OrchestrationError

from .api_url import ApiUrl

if TYPE_CHECKING:
    import httpx

_TIMEOUT = 5.0  # seconds
_LONGEST_TIME = 15.0  # seconds, with redirects
_NEEDS_KEY = (401, 403)


def examine_api(api: ApiUrl) -> Finding:
    """Ask an API for its health as Prefect does, with the credentials in its URL and no others."""
    findings: list[Finding] = []
    # In a thread: the timeout of httpx begins anew with each byte.
    thread = Thread(target=lambda: findings.append(_ask(api)), name="pipeline-health", daemon=True)
    thread.start()
    thread.join(_LONGEST_TIME)
    return (
        findings[0]
        if findings
        else _report_unreachable(api, f"no answer within {_LONGEST_TIME:g} s; start it")
    )


def _ask(api: ApiUrl) -> Finding:
    import httpx  # noqa: PLC0415  # 0.2 s to import

    started = time.monotonic()
    try:
        with (
            httpx.Client(base_url=api.url, timeout=_TIMEOUT, follow_redirects=True) as client,
            client.stream("GET", "/health") as response,  # its body may have no end
        ):
            return _examine_response(api, response, time.monotonic() - started)
    except httpx.TimeoutException:
        return _report_unreachable(api, f"no answer within {_TIMEOUT:g} s; start it")
    # The message is not quoted: it may hold parts of a password, also of that of a proxy.
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        return _report_unreachable(api, "the URL of the API or of a proxy is invalid; correct it")
    except (httpx.HTTPError, OSError, ImportError) as error:
        return _report_unreachable(
            api, f"{redact_urls(str(error)) or type(error).__name__}; start it, correct its URL"
        )


def _examine_response(api: ApiUrl, response: "httpx.Response", seconds: float) -> Finding:
    found = f"{api.shown} answers in {seconds:.3f} s"
    if response.status_code in _NEEDS_KEY:
        hint = "Prefect sends the key of its settings; only a run shows whether it is the right one"
        return Finding("Prefect API", f"{found} and asks for a key", hint=hint)
    # Prefect's server answers any URL that is not below /api with a page of its UI.
    if not response.is_success or "json" not in response.headers.get("content-type", ""):
        text = f"answers with {response.status_code}, but not as a Prefect API does; correct its URL"
        return _report_unreachable(api, f"{text}, which ends in /api for a server of your own")
    return Finding("Prefect API", found)


def _report_unreachable(api: ApiUrl, reason: str) -> Finding:
    text = f"{api.shown}: {reason}, or use --engine local"
    error = OrchestrationError("orchestration.unreachable", text, retriable=True)
    return Finding("Prefect API", api.shown, error)
