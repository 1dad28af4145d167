"""Raw texts of rows: what no row may have, and how a reject keeps them."""

import re

from pipeline_jobs.documents.rows import Reject, RejectKind
from pipeline_jobs.documents.size_limits import count_utf8_bytes
from pipeline_jobs.escaping import escape

_ESCAPED = re.compile("[\0\ud800-\udfff]")
_CUT = "…"


def find_fault(raw: str, max_bytes: int) -> Reject | None:
    """Return the reject for a row whose raw text no row may have; None for a good one.

    Args:
        raw: with undecodable bytes as lone surrogates.
        max_bytes: limit on the row, in bytes of UTF-8.
    """
    if count_utf8_bytes(raw) > max_bytes:
        return Reject(RejectKind.TOO_LARGE, None, f"more than {max_bytes} bytes", cut_raw(raw, max_bytes))
    if "\0" in raw:
        return Reject(RejectKind.NUL, None, "a NUL character", cut_raw(raw, max_bytes))
    if _ESCAPED.search(raw):
        return Reject(RejectKind.UNDECODABLE, None, "bytes that are not text", cut_raw(raw, max_bytes))
    return None


def cut_raw(raw: str, max_bytes: int) -> str:
    r"""Return the raw text of a reject: NUL and undecodable bytes as ``\x00`` and ``\xff``, without line end.

    A longer one is cut, and marked by ``…`` at its end.
    """
    raw = raw.rstrip("\r\n")
    if len(raw) > max_bytes or count_utf8_bytes(raw) > max_bytes:
        raw = raw[: max_bytes // 4] + _CUT
    return _ESCAPED.sub(lambda match: escape(match[0]), raw)
