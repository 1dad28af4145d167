"""Whether Prefect's API answers, asked without importing Prefect, which takes over a second."""

from typing import TYPE_CHECKING

from pipeline_jobs import Finding

from .errors import OrchestrationError
from .prefect_settings import ApiUrl

if TYPE_CHECKING:
    import httpx

_PATIENCE = 5.0  # seconds
_ASKS_FOR_A_KEY = (401, 403)


def examine_api(api: ApiUrl) -> Finding:
    """Ask an API for its health, as Prefect does, with what the URL itself holds and no other secret."""
    import httpx  # noqa: PLC0415  # 0.2 s to import

    try:
        with httpx.Client(base_url=api.url, timeout=_PATIENCE, follow_redirects=True) as client:
            response = client.get("/health")
    except httpx.TimeoutException:
        return _unreachable(api, f"no answer within {_PATIENCE:g} s; start it")
    # What is said of a URL, or of a proxy's, may hold parts of a password.
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        return _unreachable(api, "is no URL that can be asked, or that of a proxy is not; correct it")
    except (httpx.HTTPError, OSError, ImportError) as error:
        return _unreachable(api, f"{str(error) or type(error).__name__}; start it, correct its URL")
    return _judged(api, response)


def _judged(api: ApiUrl, response: "httpx.Response") -> Finding:
    found = f"{api.shown} answers in {response.elapsed.total_seconds():.3f} s"
    if response.status_code in _ASKS_FOR_A_KEY:
        hint = "Prefect sends that of its settings; only a run shows whether it is the right one"
        return Finding("Prefect API", f"{found} and asks for a key", hint=hint)
    # Its own server gives a page of the UI for every URL that is not below /api.
    if not response.is_success or "json" not in response.headers.get("content-type", ""):
        text = f"answers with {response.status_code}, but not as a Prefect API does; correct its URL"
        return _unreachable(api, f"{text}, which for a server of one's own ends in /api")
    return Finding("Prefect API", found)


def _unreachable(api: ApiUrl, reason: str) -> Finding:
    text = f"{api.shown}: {reason}, or use --engine local"
    error = OrchestrationError("orchestration.unreachable", text, retriable=True)
    return Finding("Prefect API", api.shown, error)
