"""Prefect's import, which takes over a second and fails where its settings make no sense."""

from .errors import OrchestrationError


def import_prefect() -> None:
    """Import what runs on Prefect.

    Raises:
        OrchestrationError: ``orchestration.settings``.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # 0.1 s to import, and Prefect does it anyway

    try:
        from .on_prefect import flow  # noqa: F401, PLC0415  # only here: see above
    except ValidationError as error:  # of Prefect's settings, which its import reads
        first = error.errors(include_url=False, include_input=False)[0]
        text = ": ".join(["Prefect's settings cannot be used", *map(str, first["loc"]), first["msg"]])
        raise OrchestrationError("orchestration.settings", text) from error
