"""Lengths of time as people read them."""


def duration_text(seconds: float) -> str:
    """A length of time by its two largest units, for example 3 d 04 h, 2 h 05 min, 7 min 30 s, 12 s."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
