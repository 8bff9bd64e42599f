"""Text from outside, made safe for plotly, which reads a subset of HTML in every label."""

import hashlib
import html
import re


def plain_text(text: object, *, limit: int = 60) -> str:
    """Escape a name for a label, legend, tick or hover text; longer ones end in an ellipsis."""
    shown = " ".join(str(text).split())
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return html.escape(shown, quote=False).replace("%{", "% {")


def element_key(*parts: object) -> str:
    """Join names to one of lower case letters, digits, hyphens and underscores, for element ids and file names.

    No two lists of names share a key: names that hold anything else, hyphens included, get some digits of their hash.
    """
    names = [str(part) for part in parts]
    readable = re.sub(r"[^a-z0-9_]+", "-", "-".join(names).lower()).strip("-") or "plot"
    if all(re.fullmatch(r"[a-z0-9_]+", name) for name in names):
        return readable
    digest = hashlib.sha256(repr(names).encode(errors="backslashreplace")).hexdigest()
    return f"{readable}-{digest[:8]}"


def short_number(value: float) -> str:
    """A number in at most four characters and its unit's prefix: 3502023 -> 3.5 M, 0.00031 -> 0.00031."""
    for limit, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{prefix}"
    return f"{value:.3g}"
