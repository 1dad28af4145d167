"""The errors of the database layer."""

import pickle

from pipeline_db import CorruptError, DatabaseError
from pipeline_jobs import PipelineError


def test_errors_survive_pickling():
    copy = pickle.loads(pickle.dumps(CorruptError("corrupt.database", "p.db: is damaged")))

    assert (CorruptError, "corrupt.database", "p.db: is damaged") == (type(copy), copy.code, str(copy))


def test_corrupt_error_is_a_database_error():
    assert (CorruptError, DatabaseError, PipelineError) == CorruptError.__mro__[:3]
