"""The errors of a database.

pipeline_jobs.PipelineError
└── DatabaseError        database…   it cannot be used as it is
    └── CorruptError     corrupt…    it is damaged
"""

from pipeline_jobs import PipelineError


class DatabaseError(PipelineError):
    """A database cannot be used; nothing in it was changed."""


class CorruptError(DatabaseError):
    """A database is damaged; restore it from a backup."""
