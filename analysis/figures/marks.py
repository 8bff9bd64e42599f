"""Colours, symbols and patterns: one set for all figures, told apart by more than colour.

Colours are Okabe and Ito's ("Color Universal Design", 2008), ordered so that the first four keep a contrast of at least
3:1 on the page's light and on its dark background.
"""

from collections.abc import Sequence
from dataclasses import dataclass

NEUTRAL = "#858b94"
"""Grey that can be read on both backgrounds: reference lines, and trials that are not the subject."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
_CHARACTERS = ("●", "■", "◆", "▲", "✚", "★")
_PATTERNS = ("", "/", ".", "x", "-", "+")


@dataclass(frozen=True, slots=True)
class SpaceMarks:
    """How a space is drawn everywhere: colour, plotly's symbol, the character most like it, pattern of its bars."""

    colour: str
    symbol: str
    character: str
    pattern: str


ENSEMBLE_MARKS = SpaceMarks(colour=NEUTRAL, symbol="hexagram", character="✶", pattern="|")
"""How the ensembles of two spaces are drawn, which belong to neither."""


@dataclass(frozen=True, slots=True)
class StopMarks:
    """How an ending is called and drawn: plotly's symbol, the character most like it, and the pattern of its bars."""

    label: str
    symbol: str
    character: str
    colour: str
    pattern: str


STOP_MARKS: dict[str, StopMarks] = {
    "completed": StopMarks("completed", "circle", "●", "#009e73", ""),
    "pruned": StopMarks("pruned", "x-thin", "\N{MULTIPLICATION SIGN}", NEUTRAL, "x"),
    "patience": StopMarks("patience", "line-ns", "|", NEUTRAL, "|"),
    "diverged": StopMarks("diverged", "triangle-up", "▲", "#d55e00", "/"),
    "out_of_memory": StopMarks("out of memory", "square", "■", "#d55e00", "+"),
    "error": StopMarks("error", "diamond", "◆", "#d55e00", "\\"),
    "stopped": StopMarks("stopped by the user", "cross", "✚", "#e69f00", "-"),
    "interrupted": StopMarks("interrupted", "star", "★", "#e69f00", "."),
    "paused": StopMarks("paused at a rung", "hourglass-open", "⧖", "#0072b2", "/"),
    "restarted": StopMarks("started again after a crash", "asterisk-open", "✱", "#e69f00", "|"),
    "": StopMarks("not ended", "circle-open", "○", NEUTRAL, "."),
}
"""Marks by stop reason, and of stretches of training by what ended them; empty is what had not ended when its table was
written."""


def space_marks(spaces: Sequence[str]) -> dict[str, SpaceMarks]:
    """Marks by space, from the spaces' order: beyond six spaces, colour and symbol begin to repeat in new pairs."""
    marks = {}
    for index, name in enumerate(spaces):
        turn = index // len(_COLOURS)
        marks[name] = SpaceMarks(
            colour=_COLOURS[index % len(_COLOURS)],
            symbol=_SYMBOLS[(index + turn) % len(_SYMBOLS)],
            character=_CHARACTERS[(index + turn) % len(_CHARACTERS)],
            pattern=_PATTERNS[(index + turn) % len(_PATTERNS)],
        )
    return marks


def stop_marks(stop_reason: object) -> StopMarks:
    """Marks of a stop reason; an unknown one counts as not ended."""
    return STOP_MARKS.get(str(stop_reason), STOP_MARKS[""])
