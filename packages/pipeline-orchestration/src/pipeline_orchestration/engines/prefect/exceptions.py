"""Errors that Prefect's client raises when its API is away or refuses, and ours for them."""

import httpx
from prefect.exceptions import PrefectException

from pipeline_jobs.escaping import shorten
from pipeline_jobs.storage.location import redact_urls
from pipeline_orchestration.exceptions import OrchestrationError

# Jobs raise nothing: their failures are results.
# Those after ``OSError`` occur where another program answers, which Prefect takes for its API.
CLIENT_ERRORS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    PrefectException,
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    ExceptionGroup,
)
_LONGEST_REASON = 500  # characters: the server may have written it


def make_gave_up_error(reason: str, hint: str = ", or use --engine local") -> OrchestrationError:
    """Return the error for a failure of Prefect, with the first line of its reason and no password."""
    # Where an API refuses, Prefect's message holds the URL with user and password.
    first_line = shorten(redact_urls(reason.partition("\n")[0]), _LONGEST_REASON)
    text = f"Prefect gave up: {first_line}; check that its API can be reached{hint}"
    return OrchestrationError("orchestration.failed", text)
