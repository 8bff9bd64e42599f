"""Texts from outside, such as names of classes, inside Markdown."""

import re


class Markdown(str):
    """Markdown that is put in as it is."""

    __slots__ = ()


def markdown_text(text: str) -> Markdown:
    """A text as one line that shows what it says, also in a table's cell: no HTML, links, pictures or emphasis."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\|*`~$\[\]])", r"\\\1", escaped)
    # A single underscore inside a word means nothing.
    escaped = re.sub(r"(?<![^\W_])_+|_+(?![^\W_])|_{2,}", lambda found: "\\_" * len(found.group()), escaped)
    # A mention of somebody, or of an issue, needs its name right after the sign.
    escaped = re.sub(r"([@#])(?=\w)", "\\1\N{ZERO WIDTH NON-JOINER}", escaped)
    return Markdown(" ".join(escaped.split()))


def markdown_code(text: str) -> Markdown:
    """A text as one line of code, also in a table's cell."""
    line = " ".join(text.split())
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    room = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return Markdown(f"{fence}{room}{line}{room}{fence}".replace("|", "\\|"))


def markdown_block(text: str) -> Markdown:
    """Lines of a shell as a block of code."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}sh\n{text}\n{fence}")
