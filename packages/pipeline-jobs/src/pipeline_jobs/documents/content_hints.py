"""Hints for a file that is not the text it was taken for, from its first bytes."""

HEAD = 512
"""Bytes that are enough for a hint."""

_FOUR_BYTES = 4
_COMPRESSED = (  # by which program, the ending of its files, and the command that decompresses them
    (b"\x1f\x8b", "gzip", ".gz", "zcat"),
    (b"BZh", "bzip2", ".bz2", "bzcat"),
    (b"\xfd7zXZ\0", "xz", ".xz", "xzcat"),
    (b"\x28\xb5\x2f\xfd", "zstd", ".zst", "zstdcat"),
)
_SIGNATURES = (
    (b"\xff\xfe\0\0", "it begins with the mark of UTF-32: set the encoding utf-32"),
    (b"\0\0\xfe\xff", "it begins with the mark of UTF-32: set the encoding utf-32"),
    (b"\xff\xfe", "it begins with the mark of UTF-16: set the encoding utf-16"),
    (b"\xfe\xff", "it begins with the mark of UTF-16: set the encoding utf-16"),
    (b"PK\x03\x04", "it is a ZIP archive, as .xlsx and .docx files are: extract the text first"),
    (b"%PDF-", "it is a PDF: extract the text first"),
    (b"SQLite format 3\0", "it is a SQLite database: export its tables first"),
    (b"PAR1", "it is a Parquet file: export it as text first"),
)
_EBCDIC = "cp037"
_EBCDIC_SPACE = 0x40
_MOST = 0.9  # of the characters are letters, digits, spaces or punctuation in ordinary text


def describe_content(head: bytes, *, is_stdin: bool = False) -> str | None:
    """Return what the first bytes of a file show, and what to do; None if they show nothing.

    Args:
        head: the first `HEAD` bytes, or all of a smaller file.
        is_stdin: whether it is standard input, which has no name.
    """
    for signature, program, ending, command in _COMPRESSED:
        if head.startswith(signature):
            hint = (
                f"{command} x{ending} | pipeline run-all -" if is_stdin else f"let its name end in {ending}"
            )
            return f"it is compressed by {program}: {hint}"
    for signature, hint in _SIGNATURES:
        if head.startswith(signature):
            return hint
    if len(head) < _FOUR_BYTES:
        return None
    for name, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        # Text of the languages of Europe: in UTF-16, hardly anything but zeros in every other byte.
        if zeros.count(0) > _MOST * len(zeros) and not letters.count(0):
            return f"it looks like UTF-16: set the encoding {name}"
    text = head.decode(_EBCDIC)
    plain = sum(character.isascii() and character.isprintable() for character in text)
    if _EBCDIC_SPACE in head and plain > _MOST * len(text):
        return f"it looks like EBCDIC: set the encoding {_EBCDIC}, or that of its country"
    return None
