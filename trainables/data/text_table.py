"""Laying out a table as plain text."""

from collections.abc import Collection, Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> list[str]:
    """Lay out cells in columns as wide as their widest cell.

    Args:
        header: The columns' headings.
        rows: As many cells each.
        left: Columns to align left; the others, numbers, are aligned right.

    Returns:
        One line for the header and one per row.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *rows)
    ]
