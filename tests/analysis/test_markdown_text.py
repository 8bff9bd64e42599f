"""Texts from outside in Markdown."""

import re

import pytest

from analysis.markdown_text import Markdown, markdown_block, markdown_code, markdown_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Snake Fruit", "Snake Fruit"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a|b", "a\\|b"),
        ("**bold** `code` [link](x) ~~no~~ $x$", "\\*\\*bold\\*\\* \\`code\\` \\[link\\](x) \\~\\~no\\~\\~ \\$x\\$"),
        ("__background__", "\\_\\_background\\_\\_"),
        ("snake_case_name", "snake_case_name"),
        ("two\nlines\r\n| here", "two lines \\| here"),
        ("a &lt; b", "a &amp;lt; b"),
        ("C:\\runs", "C:\\\\runs"),
    ],
)
def test_a_text_shows_what_it_says(text: str, shown: str) -> None:
    assert markdown_text(text) == shown
    assert isinstance(markdown_text(text), Markdown)


def test_nobody_is_mentioned() -> None:
    assert not re.search(r"[@#]\w", markdown_text("@somebody and #12"))


@pytest.mark.parametrize(("text", "code"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("a|b", "`a\\|b`")])
def test_code_ends_where_it_should(text: str, code: str) -> None:
    assert markdown_code(text) == code


def test_a_block_is_not_ended_from_within() -> None:
    block = markdown_block("echo ```\nrm")
    assert block.startswith("````sh\n")
    assert block.endswith("\n````")
