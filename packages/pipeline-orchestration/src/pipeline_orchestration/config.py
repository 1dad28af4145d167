"""The settings of a run, parsed from wherever they are given."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline_jobs import OnDuplicate, PipelineError, text_encoding

from .errors import UsageError
from .names import EngineName, LogLevel
from .sources import TEXT_PIPELINE, gather


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path cannot hold a NUL character")
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # as for ~nobody/data
        raise ValueError(f"there is no home directory {path.parts[0]}") from error


def _encoding(name: str) -> str:
    try:
        return text_encoding(name)
    except PipelineError as error:
        raise ValueError(str(error)) from error


class PipelineConfig(BaseModel):
    """The settings of a run, made once at the edge and passed down.

    Each can be given as an argument or option, as ``PIPELINE_<NAME>`` in the environment, or in
    ``pipeline.toml`` or under ``[tool.pipeline]`` in ``pyproject.toml`` of the current folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output_dir: Annotated[Path, AfterValidator(_absolute)] = Field(Path("data/output"), validate_default=True)
    db_path: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("data/pipeline.db"), validate_default=True
    )
    log_level: LogLevel = LogLevel.INFO
    engine: EngineName = EngineName.AUTO
    pipeline: str = TEXT_PIPELINE
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    busy_timeout: float = Field(30.0, ge=0, le=86_400, allow_inf_nan=False)

    @classmethod
    def load(cls, **arguments: object) -> Self:
        """Gather the settings; an argument that is None is not given.

        Raises:
            UsageError: ``usage.setting``, naming the setting and where it stands.
        """
        gathered = gather(cls.model_fields, arguments)
        try:
            return cls.model_validate({name: given.value for name, given in gathered.items()})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0])
            message = first["msg"].removeprefix("Value error, ")
            place = gathered[name].place
            if first["type"] == "extra_forbidden":
                message = f"unknown setting; there are {', '.join(cls.model_fields)}"
            raise UsageError(
                "usage.setting", f"{name} ({place}): {message[0].lower()}{message[1:]}"
            ) from error
