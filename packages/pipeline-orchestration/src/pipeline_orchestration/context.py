"""What a job factory is given: the folder, the store and the settings of the run."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_jobs import OnDuplicate

if TYPE_CHECKING:
    from pipeline_db import PeeweeStore
    from pipeline_jobs import Location

    from .config import PipelineConfig


type RunProgress = Callable[[str, str, int, int, int], None]
"""Told the job, the input, how many bytes of how many are read, and how many records that were."""


class RunContext:
    """The surroundings of a run.

    Args:
        config: the settings.
        run_id: what the run is called in the database.
        progress: called now and then by jobs that take long.
        turns: the file by which those take turns who write for this run; None where there is but one.
        quiet: whether there are so many inputs that what became of each is detail.
    """

    def __init__(
        self,
        config: "PipelineConfig",
        run_id: str,
        progress: RunProgress | None = None,
        *,
        turns: Path | None = None,
        quiet: bool = False,
    ) -> None:
        self.config = config
        self.run_id = run_id
        self.progress = progress
        self.turns = turns
        self.quiet = quiet

    @property
    def output_dir(self) -> "Location":
        """Where files are written: an absolute path, made when the first is, or a URL in a store."""
        return self.config.output_dir

    @property
    def encoding(self) -> str:
        """The encoding of input files."""
        return self.config.encoding

    @property
    def on_duplicate(self) -> OnDuplicate:
        """What to do with records that a finalized batch holds already."""
        return self.config.on_duplicate

    @property
    def max_record_bytes(self) -> int:
        """The bytes that a record's content may have in UTF-8."""
        return self.config.max_record_bytes

    @cached_property
    def store(self) -> "PeeweeStore":
        """The database, of which is made sure that it can be used.

        Raises:
            pipeline_db.DatabaseError: it cannot.
        """
        from pipeline_db import PeeweeStore  # noqa: PLC0415  # Peewee takes 0.05 s to import; A needs none

        store = PeeweeStore(
            self.config.db_url or self.config.db_path,
            busy_timeout=self.config.busy_timeout,
            run_id=self.run_id,
            # A server lets many write at a time.
            turns=None if self.config.db_url else self.turns,
        )
        store.check()
        return store
