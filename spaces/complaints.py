"""One line from pydantic's report on what a user wrote: where, what is wrong, and what would be right."""

import difflib
from collections.abc import Collection, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

MOST_SHOWN = 60
"""Characters of a found value that are shown: a whole mapping would hide what is wrong with it."""

MOST_KEYS_SHOWN = 12
"""Keys that are all named; of more, those alone that are like the wrong one, where there are any."""

_BRANCHES = ("function-", "tuple[")


def located_error(message: str, *at: int | str) -> PydanticCustomError:
    """A validator's complaint about a part of what it checks.

    Args:
        message: What is wrong, and what would be right.
        at: Where, as keys and places below what the validator checks; see `location_of`.
    """
    return PydanticCustomError("value_error", "{message}", {"message": message, "at": at})


def location_of(error: ValidationError) -> tuple[int | str, ...]:
    """Where the first complaint of a report is: keys and places in lists, from the outermost on."""
    detail = error.errors()[0]
    return (*detail["loc"], *detail.get("ctx", {}).get("at", ()))


def first_complaint(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """One line from pydantic's report: where, what, and the value found.

    Args:
        error: The report.
        model: What was validated; where it is given, an unknown key is told with the keys that there are.
    """
    detail = error.errors()[0]
    where = ".".join(str(part) for part in detail["loc"] if not str(part).startswith(_BRANCHES))
    if detail["type"] == "extra_forbidden" and model is not None:
        return f"{where}: {_no_such_key(str(detail['loc'][-1]), _keys_at(model, detail['loc']))}"
    message = detail["msg"].removeprefix("Value error, ")
    shown = repr(detail["input"])
    shown = shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}..."
    found = "" if detail["type"] in {"missing", "value_error"} else f" (found {shown})"
    return f"{where}: {message}{found}" if where else f"{message}{found}"


def near_name(name: str, known: Collection[str]) -> str:
    """The known name that is most like one, as a question in brackets after a space; nothing where none is like it."""
    by_small = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_small, n=1)
    return f" (did you mean {by_small[close[0]]}?)" if close else ""


def _no_such_key(key: str, keys: Collection[str]) -> str:
    near = near_name(key, keys)
    listed = f"; one of: {', '.join(keys)}" if not near or len(keys) <= MOST_KEYS_SHOWN else ""
    return f"there is no such key{near}{listed}"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys of the mapping in which a location's last part stands."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        model = next(_models_within(field.annotation), model) if field is not None else model
    return tuple(model.model_fields)


def _models_within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_within(inner)
