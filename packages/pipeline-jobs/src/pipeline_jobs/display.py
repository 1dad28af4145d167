"""Text that a person may see: nothing in it can move a cursor or break a line."""

from os import PathLike, fspath


def shown(text: str | PathLike[str]) -> str:
    r"""Return the text with every character that does not print escaped, undecodable bytes as ``\xff``."""
    text = fspath(text)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8, as os.fsdecode gives it
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
