"""How numbers are written on the page: a dash where something was not measured."""

import math
from typing import Any

MISSING = "\N{EN DASH}"


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing that can be written: None, an empty text, or a number that is not finite."""
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))


def score(value: Any) -> str:
    """An mIoU or IoU with four decimals, as papers and the journal of a search state it."""
    return MISSING if is_missing(value) else f"{float(value):.4f}"


def amount(value: Any, unit: str = "") -> str:
    """A measured quantity with three significant digits and its unit."""
    if is_missing(value):
        return MISSING
    number = float(value)
    digits = max(0, 2 - math.floor(math.log10(abs(number)))) if number else 0
    return f"{number:,.{digits}f}{' ' + unit if unit else ''}"


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    return MISSING if is_missing(value) else f"{float(value):,.0f}"


def duration(seconds: Any) -> str:
    """Seconds as the two largest units that matter: 75 -> 1 min 15 s."""
    if is_missing(seconds):
        return MISSING
    total = round(float(seconds))
    for size, unit, smaller, smaller_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= size:
            rest = total % size // smaller
            return f"{total // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{total} s"


def setting(value: Any) -> str:
    """A configuration's value as one would write it in a space file."""
    if is_missing(value):
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
