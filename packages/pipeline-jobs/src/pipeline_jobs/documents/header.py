"""The header of a document: everything beside its records, parsed by a model.

It is a module of its own because only a header written by hand needs pydantic: importing that and building
the models takes twice as long as importing everything else that a job needs (0.5 s and 0.25 s on a slow
machine).
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from pipeline_jobs.exceptions import InputError
from pipeline_jobs.storage.location import Source

from .records import MAX_INTEGER
from .writer import VERSION

type _Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
type _Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class _SourceFields(BaseModel):
    model_config = _STRICT

    uri: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$")]
    name: Annotated[str, Field(pattern=r"^[^\x00]*$")] = ""
    bytes: _Count | None = None
    sha256: _Sha256 | None = None


class Header(BaseModel):
    """Every key of a document but ``records``; all are optional."""

    model_config = _STRICT

    format: Literal["pipeline-records"] = "pipeline-records"
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION
    source: _SourceFields | None = None
    record_count: _Count | None = None
    records_sha256: _Sha256 | None = None

    @property
    def origin(self) -> Source | None:
        """The source that the document names, if it names one."""
        if (fields := self.source) is None:
            return None
        return Source(fields.uri, fields.name or fields.uri, fields.bytes, fields.sha256)


def parse_header(values: Mapping[str, object], where: str) -> Header:
    """Parse the values beside the records.

    Raises:
        InputError: ``input.shape``, naming the key.
    """
    try:
        return Header.model_validate(_drop_unknown(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError("input.shape", f"{where}: {key[:40]!r}: {_explain(first)}") from error


def _drop_unknown(values: Mapping[str, object]) -> dict[str, object]:
    """Keep one of the unknown keys, as each would become an error, which takes a kilobyte."""
    found = _keep_one_unknown(values, Header.model_fields)
    if isinstance(source := found.get("source"), dict):
        found["source"] = _keep_one_unknown(source, _SourceFields.model_fields)
    return found


def _keep_one_unknown(values: Mapping[str, object], known: Collection[str]) -> dict[str, object]:
    unknown = [key for key in values if key not in known][:1]
    return {key: value for key, value in values.items() if key in known or key in unknown}


def _explain(error: ErrorDetails) -> str:
    match error["type"], error["loc"]:
        case "extra_forbidden", _:
            return f"unknown key; a document has {', '.join(Header.model_fields)} and records"
        case "less_than_equal", ("version",):
            return f"newer than the latest known version, which is {VERSION}"
        case "model_type", _:
            return "expected an object"
        case _:
            return error["msg"][0].lower() + error["msg"][1:]
