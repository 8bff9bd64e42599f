"""How a model card writes what the records hold, and what they don't."""

import math
from typing import Any

import numpy as np

NOT_RECORDED = "not recorded"
NOT_MEASURED = "not measured"


def points(value: Any) -> str:
    """A fraction in points."""
    known = amount(value)
    return NOT_MEASURED if known is None else f"{100 * known:.2f}"


def number(value: Any, form: str, unit: str) -> str:
    """A measured number with its unit."""
    known = amount(value)
    return NOT_MEASURED if known is None else f"{known:{form}}{unit}"


def amount(value: Any) -> float | None:
    """A number; None where there is none."""
    return None if is_missing(value) else float(value)


def setting(value: Any) -> str:
    """A setting's value."""
    if is_missing(value):
        return NOT_RECORDED
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def is_missing(value: Any) -> bool:
    """Whether a cell of the tables holds nothing."""
    return value is None or value == "" or (isinstance(value, float | np.floating) and not math.isfinite(value))
