"""What a document says of itself beside its records, parsed from whatever a person wrote."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from .document import VERSION
from .errors import InputError
from .records import MAX_INTEGER, Source

type _Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
type _Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Origin(BaseModel):
    model_config = _STRICT

    uri: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$")]
    name: Annotated[str, Field(pattern=r"^[^\x00]*$")] = ""
    bytes: _Count | None = None
    sha256: _Sha256 | None = None


class Header(BaseModel):
    """Every key of a document but ``records``; all may be left out."""

    model_config = _STRICT

    format: Literal["pipeline-records"] = "pipeline-records"
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION
    source: _Origin | None = None
    record_count: _Count | None = None
    records_sha256: _Sha256 | None = None

    @property
    def origin(self) -> Source | None:
        """The source the document names, if it names one."""
        if self.source is None:
            return None
        return Source(
            self.source.uri, self.source.name or self.source.uri, self.source.bytes, self.source.sha256
        )


def header(values: Mapping[str, object], where: str) -> Header:
    """Parse what stands beside the records.

    Raises:
        InputError: ``input.shape``, naming the key.
    """
    try:
        return Header.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError("input.shape", f"{where}: {key[:40]!r}: {_said(first)}") from error


def _said(error: ErrorDetails) -> str:
    match error["type"], error["loc"]:
        case "extra_forbidden", _:
            return f"unknown key; a document has {', '.join(Header.model_fields)} and records"
        case "less_than_equal", ("version",):
            return f"newer than this program knows, which is {VERSION}"
        case "model_type", _:
            return "expected an object"
        case _:
            return error["msg"][0].lower() + error["msg"][1:]
