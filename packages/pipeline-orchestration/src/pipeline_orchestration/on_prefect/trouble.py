"""What Prefect raises when its API is away or refuses, and how that is told."""

import re

import httpx
from prefect.exceptions import PrefectException

from pipeline_orchestration.errors import OrchestrationError

# Jobs raise nothing, their failures are results.
# The last four where what answers is another program's: Prefect takes it for its own.
GAVE_UP = (
    httpx.HTTPError,
    httpx.InvalidURL,
    PrefectException,
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)


def gave_up(reason: str, hint: str = ", or use --engine local") -> OrchestrationError:
    """Return the error for what Prefect said: the first line of it, without a password."""
    # Of an API that refuses, Prefect names the URL with user and password.
    first = re.sub(r"://\S*@", "://", reason.partition("\n")[0])
    text = f"Prefect gave up: {first}; see that its API can be reached{hint}"
    return OrchestrationError("orchestration.failed", text)
