"""Types of command-line options: argparse calls them with the option's text."""

import argparse
import math

HIGHEST_SEED = 2**31 - 1

SECONDS_OF_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def positive(text: str) -> int:
    """A whole number from 1 on."""
    return whole(text, 1)


def not_negative(text: str) -> int:
    """A whole number from 0 on."""
    return whole(text, 0)


def seed(text: str) -> int:
    """A whole number that every random generator takes."""
    number = whole(text, 0)
    if number > HIGHEST_SEED:
        raise argparse.ArgumentTypeError(f"{number} is too large; at most {HIGHEST_SEED}")
    return number


def whole(text: str, least: int) -> int:
    """A whole number from `least` on.

    Raises:
        argparse.ArgumentTypeError: If the text is none.
    """
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is too small; {least} or more")
    return number


def amount(text: str, most: float = math.inf) -> float:
    """A number from 0 to `most`.

    Raises:
        argparse.ArgumentTypeError: If the text is none.
    """
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not (math.isfinite(number) and 0 <= number <= most):
        right = "0 or more" if math.isinf(most) else f"from 0 to {most:g}"
        raise argparse.ArgumentTypeError(f"{text} must be {right}")
    return number


def share(text: str) -> float:
    """A number from 0 to 1.

    Raises:
        argparse.ArgumentTypeError: If the text is none.
    """
    return amount(text, 1.0)


def duration(text: str) -> float:
    """A length of time such as 30s, 90m, 8h or 2d, in seconds.

    Raises:
        argparse.ArgumentTypeError: If the text is none, or nothing.
    """
    unit = SECONDS_OF_UNIT.get(text[-1:].lower())
    if unit is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time; write 30s, 90m, 8h or 2d")
    seconds = amount(text[:-1]) * unit
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text} must be more than nothing")
    return seconds
