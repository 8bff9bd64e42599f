"""What the analysis needs of a search's settings and of its finalists' evaluations, checked where they are read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.finalist_roles import ENSEMBLE, is_final_role
from spaces.complaints import first_complaint
from spaces.errors import InputError
from spaces.parameters import Parameter

if TYPE_CHECKING:
    from analysis.results import TestEvaluation


class _Section(BaseModel):
    """A part of the settings; what the analysis does not read may be anything."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Class(_Section):
    name: str
    colour: tuple[int, int, int] | None = None


class _Data(_Section):
    split_by: Literal["photo", "capture"]
    classes: tuple[_Class, ...] = Field(min_length=2)
    images: dict[str, int] | None = None
    floor_miou: dict[str, float | None] | None = None


class _Space(_Section):
    parameters: tuple[Parameter | str, ...] = ()


class _Settings(_Section):
    spaces: dict[str, _Space] = Field(min_length=1)
    data: _Data
    equal_starts: bool
    deployment: Literal["any", "edge", "server"] | None = None
    rungs: tuple[int, ...] | dict[str, tuple[int, ...]] | None = None
    device: dict[str, Any] | None = None
    versions: dict[str, Any] | None = None
    command: tuple[str, ...] | None = None


def check_settings(settings: Any, place: str) -> dict[str, Any]:
    """Check that settings hold what the analysis reads, and return them as they are.

    Args:
        settings: The content of a search's settings.json.
        place: Where it was found, for the message.

    Raises:
        InputError: A key is missing or holds something else; the message names the place and the key.
    """
    if not isinstance(settings, Mapping):
        raise InputError(f"{place}: holds no JSON object; it must be the file that the search wrote")
    try:
        _Settings.model_validate(dict(settings))
    except ValidationError as error:
        raise InputError(f"{place}: {first_complaint(error)}; it must be the file that the search wrote") from error
    return dict(settings)


def check_tests(tests: "Sequence[TestEvaluation]", settings: Mapping[str, Any], place: str) -> None:
    """Check that the finalists' evaluations can be compared with each other.

    Args:
        tests: The evaluations.
        settings: The checked settings of the search.
        place: Where the evaluations were found, for the message.

    Raises:
        InputError: A seed twice, another test part, or other classes than the search's; the message names the place,
            the finalist and the key.
    """
    classes = len(settings["data"]["classes"])
    seen: set[tuple[str, str, int]] = set()
    for test in tests:
        complaint = None
        if not is_final_role(test.role) and test.role != ENSEMBLE:
            complaint = f"role is {test.role!r}; right is best, best-2 and so on, baseline or {ENSEMBLE}"
        elif set(test.groups) != set(tests[0].groups):
            complaint = f"groups differ from those of {tests[0].trial_id!r}; right is one test part for all"
        elif test.confusion.shape[-1] != classes:
            complaint = f"confusion has {test.confusion.shape[-1]} classes; right are the search's {classes}"
        elif (test.space, test.role, test.seed) in seen:
            complaint = f"seed {test.seed} of {test.space} ({test.role}) appears twice; right is once"
        if complaint:
            raise InputError(f"{place}: {test.trial_id!r}: {complaint}")
        seen.add((test.space, test.role, test.seed))
