"""The client for web servers: their answers are held to what was asked for.

fsspec reads an answer into memory whatever its length, takes another part of a file for the one that it asked
for, and follows every redirect. All its requests are made by the session that is made here.
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from aiohttp.connector import Connection

_MAX_PAGE_BYTES = 16 << 20  # of an answer that is no part of a file: the page that lists a folder
_READ_BYTES = 1 << 20
_PARTIAL_CONTENT = 206
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)")


class AnswerError(Exception):
    """An answer is not what was asked for; the text says what it is."""


class _Answer(aiohttp.ClientResponse):
    """An answer that is refused if it is another part of a file, longer, or a redirect from https to http."""

    async def start(self, connection: "Connection") -> aiohttp.ClientResponse:
        """Read the status and the headers."""
        await super().start(connection)
        if self.status in _REDIRECTS:
            target = self.headers.get("Location") or self.headers.get("URI") or ""
            if self.url.scheme == "https" and urlsplit(target).scheme not in ("", "https"):
                raise AnswerError("the server redirects from https to a URL without encryption")
        elif self.ok:
            self._check_range()
        return self

    async def read(self) -> bytes:
        """Read the whole answer, no more of it than was asked for."""
        if self._body is None:
            asked = self._get_asked_range()
            most = asked[1] - asked[0] + 1 if asked else _MAX_PAGE_BYTES
            parts: list[bytes] = []
            while part := await self.content.read(min(most + 1, _READ_BYTES)):
                parts.append(part)
                most -= len(part)
                if most < 0:
                    self.close()
                    raise AnswerError("the server's answer is longer than what it was asked for")
            self._body = b"".join(parts)
        return await super().read()

    def _check_range(self) -> None:
        asked = self._get_asked_range()
        if self.status != _PARTIAL_CONTENT:
            if asked and asked[0]:
                raise AnswerError(
                    "the server sends the beginning of the file where a later part was asked for"
                )
            return
        given = _CONTENT_RANGE.match(self.headers.get("Content-Range", ""))
        if not asked or not given or int(given[1]) != asked[0] or int(given[2]) > asked[1]:
            raise AnswerError("the server sends another part of the file than was asked for")

    def _get_asked_range(self) -> tuple[int, int] | None:
        asked = _RANGE.fullmatch(self.request_info.headers.get("Range", ""))
        return (int(asked[1]), int(asked[2])) if asked else None


async def make_session(**settings: Any) -> aiohttp.ClientSession:  # noqa: ANN401  # of fsspec, for aiohttp
    """Make the session of a file system; fsspec gives the settings, some of which may be the user's.

    A part of a compressed answer cannot be decompressed, so that servers are asked for plain ones.
    """
    headers = {"Accept-Encoding": "identity", **(settings.pop("headers", None) or {})}
    return aiohttp.ClientSession(**settings, headers=headers, response_class=_Answer)
