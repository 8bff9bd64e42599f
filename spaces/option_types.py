"""Types of command-line options: argparse calls them with the option's text."""

import argparse
import math

HIGHEST_SEED = 2**31 - 1


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
