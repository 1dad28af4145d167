"""Errors of the database layer.

pipeline_jobs.PipelineError
└── DatabaseError        database…   the database cannot be used
    └── CorruptError     corrupt…    the database is damaged
"""

from pipeline_jobs import PipelineError


class DatabaseError(PipelineError):
    """A database cannot be used; nothing in it was changed."""


class CorruptError(DatabaseError):
    """A database is damaged; restore it from a backup."""
