"""Which classes there are, and what means each in masks: from `class_mapping.csv`, or as a data file says."""

import colorsys
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

from spaces.data_description import DataDescription
from spaces.errors import InputError
from trainables.data.dataset import IGNORE_INDEX, ClassMapping

CLASS_MAPPING_FILE = "class_mapping.csv"
HEADER = ("class_name", "class_color")


def read_class_mapping(path: Path) -> ClassMapping:
    """Read the classes of a data set.

    The file is UTF-8 CSV with the header `class_name,class_color`; a colour is "R G B", each 0 to 255. The
    order of the rows is the class index; the first class is the background.

    Args:
        path: The CSV file.

    Raises:
        InputError: The file can't be read, or a row, name or colour is not as described.
    """
    try:
        # utf-8-sig: spreadsheet programs put a byte order mark in front.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file; it names the classes: a line class_name,class_color, "
            'then one line per class such as: building,"255 225 50"'
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: can't be read as UTF-8 CSV: {error}") from error

    header = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    if header != HEADER:
        raise InputError(f"{path}: the first line is {','.join(header)!r}; it must be {','.join(HEADER)!r}")
    names: list[str] = []
    colours: list[tuple[int, int, int]] = []
    for line, row in rows[1:]:
        place = f"{path}, line {line}"
        if len(row) != len(HEADER) or not row[0].strip():
            raise InputError(f"{place}: {','.join(row)!r}; it must be a class name, a comma and R G B")
        name, colour = row[0].strip(), _parse_colour(row[1], place)
        if name in names:
            raise InputError(f"{place}: class {name!r} is there twice; names must differ")
        if colour in colours:
            other = names[colours.index(colour)]
            raise InputError(f"{place}: {name!r} has the colour of {other!r}; colours must differ")
        names.append(name)
        colours.append(colour)
    if not 2 <= len(names) <= IGNORE_INDEX:
        raise InputError(f"{path}: {len(names)} classes; there must be 2 to {IGNORE_INDEX}")
    return ClassMapping(names=tuple(names), colours=tuple(colours))


def described_classes(description: DataDescription) -> ClassMapping:
    """The classes of a description, which must have some; those without a colour get one: black, then hues."""
    taken = {*(one.colour for one in description.classes), *description.ignored}
    free = (colour for colour in _hues() if colour not in taken)
    colours = [one.colour or next(free) for one in description.classes]
    grey = [entry for entry in description.ignored if isinstance(entry, int)]
    return ClassMapping(
        names=tuple(one.name for one in description.classes),
        colours=tuple(colours),
        values=tuple(one.values for one in description.classes) if description.classes[0].values else (),
        ignored_values=tuple(grey),
        ignored_colours=tuple(entry for entry in description.ignored if not isinstance(entry, int)),
    )


def _hues() -> Iterator[tuple[int, int, int]]:
    yield 0, 0, 0
    for number in itertools.count():
        # Steps of the golden ratio: however many there are, they lie apart.
        red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.8, 1.0 - 0.07 * (number % 5))
        yield round(255 * red), round(255 * green), round(255 * blue)


def _parse_colour(text: str, place: str) -> tuple[int, int, int]:
    parts = text.split()
    if len(parts) == 3 and all(part.isascii() and part.isdigit() and int(part) <= 255 for part in parts):
        red, green, blue = (int(part) for part in parts)
        return red, green, blue
    raise InputError(f"{place}: colour {text!r}; it must be three numbers from 0 to 255, as in 255 225 50")
