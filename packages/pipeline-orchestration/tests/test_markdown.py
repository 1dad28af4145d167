"""Names and messages as Markdown that shows them as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline_orchestration.engines.prefect.markdown import format_code, show_text

HOSTILE = [
    "![pixel](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "<img src=https://evil.example/p.png onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "</td></tr></table>",
    "https://evil.example/x.txt",
    "see www.evil.example",
    "write to me@evil.example",
    "*bold* _emphasis_ ~~gone~~ `code`",
    "&lt;b&gt;",
    r"\<b\>",
    "# title",
    "> quotation",
    "- item",
    "7. item",
    "7.",
    "---",
    "    indented",
    "[name]: https://evil.example",
    "| a | b |",
    "-",
    "``` a``b ```",
]
MARKS = st.text(st.sampled_from("`*_~[]()<>!&#;|\\-+=.:/@\"' \tab1wx")) | st.text(
    st.characters(exclude_categories=["C", "Z"])
)


def render(markdown):
    """Return the types and the text of what a renderer of Markdown makes of it."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    paragraph, inline, end = parser.parse(markdown)
    assert ("paragraph_open", "inline", "paragraph_close") == (paragraph.type, inline.type, end.type)
    return {each.type for each in inline.children}, "".join(each.content for each in inline.children)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_shown_as_text(text):
    kinds, shown = render(show_text(text))

    assert kinds <= {"text", "code_inline"}
    assert text.strip() == shown.strip()


@pytest.mark.parametrize("text", [each for each in HOSTILE if each != "| a | b |"])
def test_what_has_a_meaning_in_markdown_is_shown_as_code(text):
    """Also what only an extension of Markdown recognizes, such as a URL without any mark."""
    assert format_code(text) == show_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "customers_2024-01.txt",
        "/data/in/orders (1).csv.gz",
        "s3://bucket/key_1.txt",
        "17",
        "/data/x.txt: no such file",
        "record 7 has 3 fields; expected 4 [input.shape]",
        "'utf-8' cannot decode byte 0xff (line 2)",
    ],
)
def test_a_usual_name_or_message_stays_as_it_is(text):
    """One of Prefect's two UIs renders no Markdown in tables, and would show marks of ours."""
    assert text == show_text(text)


@given(MARKS)
def test_whatever_a_text_holds_it_is_shown(text):
    text = " ".join(text.split())
    if text:
        kinds, shown = render(show_text(text))

        assert kinds <= {"text", "code_inline", "text_special"}
        assert text == " ".join(shown.split())
