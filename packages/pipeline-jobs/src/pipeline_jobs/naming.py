"""What the output of a source is called: a plain name if it is free, else one that is unmistakable."""

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .url import Location

_SUFFIX = "_processed.json"
# A file system allows names of 255 bytes; the temporary name is the longest: .<stem>_<8><suffix>.<8>.tmp
_LONGEST_STEM = 255 - len(f".{'_' + 8 * 'x'}{_SUFFIX}.{8 * 'x'}.tmp")


def candidates(folder: "Location", stem: str, uri: str) -> tuple["Location", "Location"]:
    """Return where the output of the source `uri` goes: the plain and the unmistakable place."""
    marked = f"_{hashlib.sha256(uri.encode()).hexdigest()[:8]}{_SUFFIX}"
    if len(os.fsencode(stem)) > _LONGEST_STEM:
        while len(os.fsencode(stem)) > _LONGEST_STEM:
            stem = stem[:-1]
        return folder / f"{stem}{marked}", folder / f"{stem}{marked}"
    return folder / f"{stem}{_SUFFIX}", folder / f"{stem}{marked}"
