"""Settings of a run: each is declared once, as a field of `PipelineConfig`.

Everything else is derived from the declarations: environment variables, the keys of a settings file, the
options of the command line, the parameters of the Prefect flow, and the table in the README.

Importing this module is quick, as ``--help`` does it: it imports neither Pydantic, msgspec,
Peewee nor Prefect.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline_jobs.batch_store import OnDuplicate
from pipeline_jobs.documents.size_limits import (
    DEFAULT_MAX_RECORD_BYTES,
    DEFAULT_MAX_UNPACKED_BYTES,
    DEFAULT_MAX_UNPACKED_RATIO,
    LARGEST_MAX_RECORD_BYTES,
    LARGEST_MAX_UNPACKED,
)
from pipeline_jobs.escaping import escape
from pipeline_orchestration.exceptions import UsageError

from .parsing import (
    Parser,
    make_address_parser,
    make_choice_parser,
    make_number_parser,
    make_optional,
    parse_database_url,
    parse_encoding_name,
    parse_file,
    parse_folder,
    parse_max_rejects,
    parse_text,
)
from .sources import (
    NO_FILES,
    SETTINGS_FILES,
    TEXT_PIPELINE,
    VARIABLE_PREFIX,
    FoundValue,
    gather_settings,
    parse_flag,
)

if TYPE_CHECKING:
    from pipeline_db import DatabaseUrl
    from pipeline_jobs.reject_limit import RejectLimit
    from pipeline_jobs.storage.location import Location

_LONGEST_TIMEOUT = 86_400  # seconds
_MOST_AT_A_TIME = 1024


class EngineName(StrEnum):
    """Engines that run the jobs; `AUTO` is Prefect where an API is configured, else the local one."""

    AUTO = "auto"
    LOCAL = "local"
    PREFECT = "prefect"


class TaskRunnerName(StrEnum):
    """Prefect's task runners: threads or processes of this machine, or a cluster."""

    THREADS = "threads"
    PROCESSES = "processes"
    DASK = "dask"
    RAY = "ray"


class LogLevel(StrEnum):
    """Levels of logging; `OFF` silences every logger."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"
    OFF = "OFF"


class Setting(NamedTuple):
    """A setting: name and default are those of its field, the others stand in the field's metadata.

    Args:
        name: as an argument, as a key of a settings file, and as a field of `PipelineConfig`.
        default: the value if no place gives one, not yet parsed.
        help: one sentence on what it does, as ``--help`` prints it.
        parse: returns the typed value of a loose one, or raises `ValueError`.
        details: more sentences, for the documents and for the form of a deployment.
        kind: type of the value in JSON and on the command line: `str`, `int`, `float` or, of a flag, `bool`.
        choices: all values it may have, where they are few.
        metavar: the word that stands for the value in ``--help``.
        before_command: whether its option stands before the name of the command, for all commands.
        in_flow: whether it is a parameter of the Prefect flow.
    """

    name: str
    default: object
    help: str
    parse: Parser = parse_text
    details: str = ""
    kind: type[str | int | float] = str
    choices: type[StrEnum] | None = None
    metavar: str | None = None
    before_command: bool = False
    in_flow: bool = True

    @property
    def variable(self) -> str:
        """Name of its environment variable."""
        return f"{VARIABLE_PREFIX}{self.name.upper()}"


class GatheredSettings(NamedTuple):
    """Settings from all places, and what is wrong with them.

    Args:
        config: the settings, with the default in place of each wrong value.
        faults: the errors by the name of the setting.
        places: the place of each setting that is given, in words.
    """

    config: "PipelineConfig"
    faults: Mapping[str, UsageError]
    places: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Settings of a run, made once at the edge and passed down; paths become absolute.

    `load` takes each setting from an argument or option, else from ``PIPELINE_<NAME>`` in the environment,
    else from ``pipeline.toml``, else from ``[tool.pipeline]`` of ``pyproject.toml`` in the current folder. A
    `db_url` is used instead of `db_path`; if both are given in different places, the place with the higher
    rank decides. A settings file that somebody else may have written is refused; with `no_settings_files`,
    none is read.

    Raises:
        ValueError: a value is out of bounds or of the wrong type.
    """

    log_level: LogLevel = field(
        default=LogLevel.INFO,
        metadata={
            "help": "Set logging level. Use 'OFF' to disable.",
            "parse": make_choice_parser(LogLevel),
            "choices": LogLevel,
            "before_command": True,
        },
    )
    output_dir: "Location" = field(
        default=Path("data/output"),
        metadata={
            "help": "Output directory for processed files.",
            "parse": parse_folder,
            "details": "A path, or the URL of a folder in an object store.",
            "metavar": "PATH",
            "before_command": True,
        },
    )
    db_path: Path = field(
        default=Path("data/pipeline.db"),
        metadata={
            "help": "Path to SQLite database.",
            "parse": parse_file,
            "metavar": "PATH",
            "before_command": True,
        },
    )
    db_url: "DatabaseUrl | None" = field(
        default=None,
        metadata={
            "help": "URL of a PostgreSQL database.",
            "parse": parse_database_url,
            "details": (
                "It is used instead of the SQLite database. A deployment holds no password: the worker takes "
                "it from `PIPELINE_DB_URL`, `PGPASSWORD` or `~/.pgpass`."
            ),
            "metavar": "URL",
            "before_command": True,
        },
    )
    engine: EngineName = field(
        default=EngineName.AUTO,
        metadata={
            "help": "Run the jobs on Prefect or in this process. Auto is Prefect where an API is configured.",
            "parse": make_choice_parser(EngineName),
            "choices": EngineName,
            "before_command": True,
            "in_flow": False,
        },
    )
    pipeline: str = field(
        default=TEXT_PIPELINE,
        metadata={
            "help": "Pipeline to use, as package.module:attribute or file.py:attribute.",
            "metavar": "REF",
            "before_command": True,
            "in_flow": False,
        },
    )
    no_settings_files: bool = field(
        default=False,
        metadata={
            "help": "Leave out the settings files of the current folder.",
            "parse": parse_flag,
            "details": "Those of Prefect too: `.env`, `prefect.toml` and `[tool.prefect]`.",
            "kind": bool,
            "before_command": True,
            "in_flow": False,
        },
    )
    concurrency: int = field(
        default=1,
        metadata={
            "help": "Inputs to work on at a time.",
            "parse": make_number_parser(int, 1, _MOST_AT_A_TIME),
            "details": "On a cluster that is there already, 1 means as many as it can take.",
            "kind": int,
            "metavar": "N",
        },
    )
    task_runner: TaskRunnerName | None = field(
        default=None,
        metadata={
            "help": "Prefect task runner that spreads the inputs.",
            "parse": make_optional(make_choice_parser(TaskRunnerName)),
            "choices": TaskRunnerName,
            "details": "Without it, Prefect uses threads. With it, the engine `auto` is Prefect.",
        },
    )
    dask_address: str | None = field(
        default=None,
        metadata={
            "help": "Dask cluster to use, as tcp://host:port.",
            "parse": make_optional(make_address_parser("tcp", "tls", "ucx", "ws", "wss")),
            "details": "The task runner is then `dask`.",
            "metavar": "URL",
        },
    )
    ray_address: str | None = field(
        default=None,
        metadata={
            "help": "Ray cluster to use, as ray://host:port.",
            "parse": make_optional(make_address_parser("ray")),
            "details": "The task runner is then `ray`.",
            "metavar": "URL",
        },
    )
    on_duplicate: OnDuplicate = field(
        default=OnDuplicate.SKIP,
        metadata={
            "help": "Skip, load or refuse records that a finalized batch already holds.",
            "parse": make_choice_parser(OnDuplicate),
            "choices": OnDuplicate,
        },
    )
    encoding: str = field(
        default="utf-8",
        metadata={
            "help": "Encoding of the input files.",
            "parse": parse_encoding_name,
            "metavar": "NAME",
        },
    )
    max_rejects: "RejectLimit | None" = field(
        default=None,
        metadata={
            "help": "Rejected rows to allow in an input, as a number or percentage.",
            "parse": make_optional(parse_max_rejects),
            "details": (
                "The percentage is of the rows that are not blank. Without it, the definition of the "
                "pipeline decides, or else no row may be rejected."
            ),
            "metavar": "N|P%",
        },
    )
    max_record_bytes: int = field(
        default=DEFAULT_MAX_RECORD_BYTES,
        metadata={
            "help": "Refuse inputs with a record larger than this.",
            "parse": make_number_parser(int, 1, LARGEST_MAX_RECORD_BYTES, "bytes"),
            "details": "The size is that of its content in UTF-8.",
            "kind": int,
            "metavar": "N",
        },
    )
    max_unpacked_bytes: int = field(
        default=DEFAULT_MAX_UNPACKED_BYTES,
        metadata={
            "help": "Refuse compressed inputs that unpack to more than this.",
            "parse": make_number_parser(int, 1, LARGEST_MAX_UNPACKED, "bytes"),
            "kind": int,
            "metavar": "N",
        },
    )
    max_unpacked_ratio: int = field(
        default=DEFAULT_MAX_UNPACKED_RATIO,
        metadata={
            "help": "Refuse compressed inputs that unpack to more than this many times their size.",
            "parse": make_number_parser(int, 1, LARGEST_MAX_UNPACKED),
            "details": "It counts above 256 MiB.",
            "kind": int,
            "metavar": "N",
        },
    )
    busy_timeout: float = field(
        default=30.0,
        metadata={
            "help": "Seconds to wait for a database that is in use.",
            "parse": make_number_parser(float, 0, _LONGEST_TIMEOUT, "seconds"),
            "kind": float,
            "metavar": "S",
        },
    )

    def __post_init__(self) -> None:
        """Parse every value, also a default, which may be a relative path."""
        for setting in SETTINGS:
            object.__setattr__(self, setting.name, setting.parse(getattr(self, setting.name)))

    @property
    def requested_task_runner(self) -> TaskRunnerName | None:
        """The task runner that is given by its name, or else by the address of a cluster."""
        if self.task_runner:
            return self.task_runner
        if self.dask_address:
            return TaskRunnerName.DASK
        return TaskRunnerName.RAY if self.ray_address else None

    @classmethod
    def load(cls, **arguments: object) -> "PipelineConfig":
        """Gather the settings from all places; an argument that is None is not given.

        Raises:
            UsageError: ``usage.setting``, naming the setting and the place it was given in.
        """
        gathered = cls.gather(arguments)
        for fault in gathered.faults.values():
            raise fault
        return gathered.config

    @classmethod
    def gather(cls, arguments: Mapping[str, object]) -> GatheredSettings:
        """Gather the settings from all places, and return the faults instead of raising them.

        Raises:
            UsageError: ``usage.setting``: a settings file cannot be read.
        """
        found = gather_settings(_BY_NAME, arguments)
        values: dict[str, Any] = {name: each.value for name, each in found.items() if name in _BY_NAME}
        faults = dict(_find_conflicts(found))
        try:
            config = cls(**values)  # parses each value once, unless one of them is wrong
        except ValueError:
            faults |= _find_wrong_values(found)
            config = cls(**{name: value for name, value in values.items() if name not in faults})
        return GatheredSettings(config, faults, {name: each.place for name, each in found.items()})

    def to_parameters(self) -> dict[str, object]:
        """Return the settings as parameters of the Prefect flow: values that JSON knows, and no password.

        A setting that is None is left out, and so is `db_path` where `db_url` is used.
        """
        names = [setting.name for setting in SETTINGS if setting.in_flow]
        if self.db_url is not None:
            names.remove("db_path")
        values = {name: getattr(self, name) for name in names}
        return {name: _make_json_safe(value) for name, value in values.items() if value is not None}


SETTINGS = tuple([Setting(each.name, each.default, **each.metadata) for each in fields(PipelineConfig)])
"""All settings, in the order in which ``--help`` and the documents show them."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def _find_conflicts(found: Mapping[str, FoundValue]) -> Iterator[tuple[str, UsageError]]:
    """Yield the errors of settings that do not exist or exclude each other, with the names of these."""
    for name, (_, place) in found.items():
        if name not in _BY_NAME:
            text = f"{escape(name)} ({place}): unknown setting; there are {', '.join(_BY_NAME)}"
            yield name, UsageError("usage.setting", text)
    if NO_FILES in found and found[NO_FILES].place in SETTINGS_FILES:
        text = f"{NO_FILES} ({found[NO_FILES].place}): a settings file cannot say this"
        hint = f"give the option, or {VARIABLE_PREFIX}{NO_FILES.upper()}=1"
        yield NO_FILES, UsageError("usage.setting", f"{text}; {hint}")
    if {"db_path", "db_url"} <= found.keys():
        text = f"db_url ({found['db_url'].place}): db_path is given there too, and one of them is enough"
        yield "db_url", UsageError("usage.setting", text)


def _find_wrong_values(found: Mapping[str, FoundValue]) -> Iterator[tuple[str, UsageError]]:
    """Yield the errors of values that cannot be parsed, with the names of their settings."""
    for name, (value, place) in found.items():
        try:
            if name in _BY_NAME:
                _BY_NAME[name].parse(value)
        except ValueError as error:
            fault = UsageError("usage.setting", f"{name} ({place}): {error}")
            fault.__cause__ = error
            yield name, fault


def _make_json_safe(value: object) -> object:
    match value:
        case StrEnum():
            return value.value
        case Path():
            # As a person reads it; but Prefect takes no control characters and no bytes that are not text.
            return str(value) if str(value).isprintable() else value.as_uri()
        case int() | float():
            return value
    return str(value)
