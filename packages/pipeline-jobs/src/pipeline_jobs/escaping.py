"""Text shown to a person: escaped, so that it cannot move the cursor or break a line."""

from os import PathLike, fspath


def escape(text: str | PathLike[str]) -> str:
    r"""Escape every character that does not print; undecodable bytes of a path become ``\xff``."""
    text = fspath(text)
    return text if text.isprintable() else "".join(map(_escape_character, text))


def shorten(text: str, length: int) -> str:
    """Escape a text; of a longer one, return the first `length` characters, and say how many there are."""
    return escape(text) if len(text) <= length else f"{escape(text[:length])}… ({len(text):,} characters)"


def get_text(value: object) -> str:
    """Return the text of a value or an exception of a user's class, whose ``__str__`` may raise."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # a user's code
        return f"({type(value).__name__}.__str__ raised {type(error).__name__})"


def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # how os.fsdecode represents a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
