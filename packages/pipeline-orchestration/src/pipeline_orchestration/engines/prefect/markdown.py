"""Markdown that shows texts as they are: names and messages may have come with the data.

Prefect's pages render Markdown, and HTML in it, in descriptions, in reports and, on the older of its two UIs,
in the cells of a table.
"""

import re
from pathlib import Path

from pipeline_orchestration.execution.resume_command import quote_for_shell

_ACTIVE = re.compile(
    r"""
    [`*<~]                          # code, emphasis, HTML and links, deletion
    | (?<!\w)_                      # emphasis, unless within a word
    | \]\(                          # a link or an image
    | &(?=[\#\w]+;)                 # an entity
    | \\(?=[!-/:-@\[-`{-~])         # a backslash that escapes
    | (?:https?|ftp)://             # links without any mark
    | www\.
    | @
    | \A[^\w/.'"(]                  # a list, a quotation, a title, a rule, indented code
    | \A\d+[.)](?!\S)               # a numbered list
    """,
    re.VERBOSE | re.IGNORECASE,
)


def show_text(text: str) -> str:
    """Return a text of one line as Markdown: as it is if nothing in it has a meaning there, else as code.

    So most names look the same where no Markdown is rendered.
    """
    return format_code(text) if _ACTIVE.search(text) else text


def format_code(text: str) -> str:
    """Return a text of one line as code, whatever it holds."""
    fence = _make_fence(text, 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def format_block(text: str, language: str) -> str:
    """Return lines of code, whatever they hold."""
    fence = _make_fence(text, 3)
    return f"{fence}{language}\n{text}\n{fence}"


def format_command(command: str) -> str:
    """Return a command that runs in the current folder, whatever folder it is typed in."""
    return format_block(f"cd {quote_for_shell(str(Path.cwd()))}\n{command}", "bash")


def _make_fence(text: str, least: int) -> str:
    """Return more backticks than the text has in a row."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
