"""When a range or a list of choices applies: what another parameter must, or must not, be."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, model_serializer, model_validator

Scalar: TypeAlias = bool | int | float | str


class Condition(BaseModel):
    """Values of another parameter that let something apply: these alone, or all but these.

    Written as `sgd`, `[sgd, adamw]`, `{not: off}` or `{not: [sgd, adamw]}`; the form with `not` also holds for values
    that nobody has thought of yet, such as a user's own strategy.

    Attributes:
        values: The values that are named, at least one.
        excluded: Whether they are those that must not be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    values: tuple[Scalar, ...]
    excluded: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, written: Any) -> Any:
        excluded = isinstance(written, Mapping)
        if excluded:
            if set(written) != {"not"}:
                raise ValueError("a condition is a value, a list of values, or {not: ...}")
            written = written["not"]
        values = tuple(written) if isinstance(written, list | tuple) else (written,)
        if not values:
            raise ValueError("an empty list can never hold; name the values")
        return {"values": values, "excluded": excluded}

    @model_serializer
    def _as_in_file(self) -> list[Scalar] | dict[str, list[Scalar]]:
        return {"not": list(self.values)} if self.excluded else list(self.values)

    def allows(self, value: Any) -> bool:
        """Whether the other parameter's value lets it apply."""
        return (value in self.values) != self.excluded

    def example(self, candidates: Iterable[Scalar]) -> Scalar | None:
        """A value that is allowed: the first that is named, or with `not` the first of the candidates that is none."""
        return next((value for value in (candidates if self.excluded else self.values) if self.allows(value)), None)

    def __str__(self) -> str:
        """For people and for names: `sgd|adamw`, `not off`."""
        values = "|".join(str(value).lower() if isinstance(value, bool) else str(value) for value in self.values)
        return f"not {values}" if self.excluded else values
