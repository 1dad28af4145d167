"""Batches of records in SQLite or PostgreSQL, each loaded completely or not at all, and only once.

The public names are listed in ``__init__.pyi``; each is imported at its first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
