"""The surroundings of a run: what a job factory is given."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_jobs import OnDuplicate

if TYPE_CHECKING:
    from pipeline_db import PeeweeStore
    from pipeline_jobs import Location, RejectLimit

    from .settings.config import PipelineConfig


type RunProgress = Callable[[str, str, int, int, int], None]
"""Called with the job, the input's label, bytes read, bytes in all, and records read.

The numbers are 0 when a job begins. A job of one's own may count anything in place of bytes."""


class RunContext:
    """The settings, the output folder and the store of a run.

    Args:
        config: the settings.
        run_id: the id of the run in the database.
        progress: called now and then by jobs that take long.
        write_lock: a file on which the writers of a SQLite database queue; None if there is one writer.
        params: the parameters, an instance of the class that the definition declares; None without one.
    """

    def __init__(
        self,
        config: "PipelineConfig",
        run_id: str,
        progress: RunProgress | None = None,
        *,
        write_lock: Path | None = None,
        params: Any = None,  # noqa: ANN401  # of the user's class
    ) -> None:
        self.config = config
        self.run_id = run_id
        self.progress = progress
        self.write_lock = write_lock
        self.params = params

    @property
    def output_dir(self) -> "Location":
        """The folder for output files: an absolute path, made when needed, or a URL in a remote store."""
        return self.config.output_dir

    @property
    def encoding(self) -> str:
        """The encoding of input files."""
        return self.config.encoding

    @property
    def on_duplicate(self) -> OnDuplicate:
        """The policy for records that a finalized batch already holds."""
        return self.config.on_duplicate

    @property
    def max_record_bytes(self) -> int:
        """The largest size of a record's content, in bytes of UTF-8."""
        return self.config.max_record_bytes

    @property
    def max_rejects(self) -> "RejectLimit":
        """How many rows of an input may be rejected: none, unless the setting says otherwise."""
        from pipeline_jobs import RejectLimit  # noqa: PLC0415  # for typed rows only

        return self.config.max_rejects or RejectLimit(count=0)

    @cached_property
    def store(self) -> "PeeweeStore":
        """The store of batches, after a check that its database can be used.

        Raises:
            pipeline_db.DatabaseError: it cannot.
        """
        store = self._make_store()
        store.check()
        return store

    def _make_store(self) -> "PeeweeStore":
        from pipeline_db import PeeweeStore  # noqa: PLC0415  # Peewee takes 0.05 s to import; A needs none

        return PeeweeStore(
            self.config.db_url or self.config.db_path,
            busy_timeout=self.config.busy_timeout,
            run_id=self.run_id,
            # A PostgreSQL server lets many write at a time.
            write_lock=None if self.config.db_url else self.write_lock,
        )


class DraftContext(RunContext):
    """The surroundings of a job that is built but does not run: the database of its store is not checked."""

    @cached_property
    def store(self) -> "PeeweeStore":
        """The store of batches; the database need not be there."""
        return self._make_store()
