"""The first job of a run, which decides what an input given as text means: files, or the text itself."""

import glob
import logging
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_jobs.exceptions import make_failure
from pipeline_jobs.storage.location import is_url
from pipeline_orchestration.context import DraftContext
from pipeline_orchestration.inputs import STDIN_WORD, RunInput, Stream, expand_inputs
from pipeline_orchestration.log_levels import set_log_level

if TYPE_CHECKING:
    from pipeline_jobs import BaseJob, Takes
    from pipeline_orchestration.definition import JobSpec, PipelineDefinition
    from pipeline_orchestration.settings.config import PipelineConfig

_log = logging.getLogger(__name__)


class FirstJob:
    """Parses the inputs of one run as its first job takes them.

    If the definition does not say what the job takes, the job is built, as only its class says it; not for
    inputs that mean the same to any job, such as an id.

    Args:
        definition: of the pipeline.
        start_from: the first job; that of the definition if None.
        config: of the run.
        params: the parameters that are given, as ``PipelineDefinition.fill_parameters`` takes them.

    Raises:
        UsageError: as ``PipelineDefinition.select_jobs``.
    """

    def __init__(
        self,
        definition: "PipelineDefinition",
        start_from: str | None,
        config: "PipelineConfig",
        params: object = None,
    ) -> None:
        self._definition = definition
        self._spec: JobSpec = definition.select_jobs(start_from)[0]
        self._config = config
        self._params = params
        # A folder stands for the documents in it, unless the job reads the files that they are made of.
        self._takes_documents = self._spec.name != definition.names[0]
        self._has_warned = False

    @cached_property
    def takes(self) -> "Takes | None":
        """The kind of input that the job takes; None if nothing says it: the disk then decides."""
        return self._spec.takes or (self._job.takes if self._job else None)

    @cached_property
    def _job(self) -> "BaseJob[Any, Any] | None":
        """The job; None if it cannot be built, as the run will report."""
        try:
            params = self._definition.fill_parameters(
                self._params, no_settings_files=self._config.no_settings_files
            )
            return self._spec.factory(DraftContext(self._config, run_id="", params=params))
        except BaseException as error:  # noqa: BLE001  # a factory and a class of parameters are the user's code
            make_failure(error, "the factory")  # raises an interruption again
            return None

    def parse(self, values: Iterable[object]) -> list[RunInput]:
        """Parse values as a runner takes them: nothing is expanded; a parsed one stays as it is."""
        return [value if isinstance(value, RunInput) else self._parse_value(value) for value in values]

    def parse_words(self, words: Iterable[object], *, streams: bool = False) -> list[RunInput]:
        """Parse the words of a command line: folders and glob patterns are expanded, if the job takes files.

        Args:
            words: text; paths are expanded too.
            streams: whether ``-`` and the names of pipes become a `Stream`, if the job takes files.
        """
        words = list(words)
        if not any(map(_may_name_files, words)):
            return list(map(RunInput.parse, words))
        values = [(self.find_stream(word) if streams else None) or word for word in words]
        expanded = expand_inputs(values, self._config, documents=self._takes_documents, takes=self.takes)
        self._warn_if_disk_decides(words, expanded)
        return [RunInput.parse(each, self.takes) for each in expanded]

    def find_stream(self, word: object) -> Stream | None:
        """Return the stream that a word of a command line names; None for any other word, and for text.

        A job that does not say what it takes gets ``-`` as text, and the name of a pipe as a file.
        """
        if not isinstance(word, str) or self.takes == "text":
            return None
        if word == STDIN_WORD:
            is_stream = self.takes is not None
        else:
            is_stream = os.path.exists(word) and not os.path.isfile(word) and not os.path.isdir(word)  # noqa: PTH110, PTH112, PTH113  # a word need not be a path
        if not is_stream:
            return None
        from pipeline_orchestration.spooling import find_stream  # noqa: PLC0415  # 10 ms to import, for streams only

        return find_stream(word)

    def _parse_value(self, value: object) -> RunInput:
        parsed = RunInput.parse(value)
        if not isinstance(value, str) or not (isinstance(parsed.value, Path) or os.path.lexists(value)):
            return parsed
        self._warn_if_disk_decides([value], [value])
        return RunInput.parse(value, self.takes)

    def _warn_if_disk_decides(self, words: Sequence[object], expanded: Sequence[object]) -> None:
        """Log once which text was taken for a file as there is one of that name; or for text, as `-` is."""
        if self.takes or self._has_warned or not self._job:
            return
        names = [word for word in words if isinstance(word, str) and not word.isdecimal()]
        found = next((name for name in names if name not in expanded or os.path.lexists(name)), None)
        if found is not None:
            taken = "a file or folder, as there is one"
        elif STDIN_WORD in names:
            found, taken = STDIN_WORD, "text, not for standard input"
        else:
            return
        self._has_warned = True
        text = "job %s: %r was taken for %s; its class %s does not say what it takes"
        hint = 'write takes = "files" or takes = "text" in it'
        with set_log_level(self._config.log_level):
            _log.warning(f"{text}: {hint}", self._spec.name, found, taken, type(self._job).__qualname__)


def _may_name_files(word: object) -> bool:
    if not isinstance(word, str) or word == STDIN_WORD:
        return True
    return is_url(word) or glob.has_magic(word) or os.path.lexists(word)
