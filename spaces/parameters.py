"""What may be varied: ranges, choices and the conditions under which they apply."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spaces.conditions import Condition, Scalar


class Suggest(Protocol):
    """Where values come from: a sampler's trial, or a test's fixed values."""

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Pick one of `choices`."""
        ...

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Pick a real number between `low` and `high`, both included."""
        ...

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Pick an integer between `low` and `high`, both included."""
        ...


class Domain(BaseModel):
    """The values that one parameter may take under one condition.

    Either `choices`, or a range `low` to `high` (both included), optionally logarithmic, optionally of integers; either
    optionally with single values beside it (`also`): a threshold is 0, or between 0.40 and 0.98. It is drawn first
    whether a value is one of these, so that one of them comes as often as all the others together.

    `one_minus_log` makes a range logarithmic in 1 - value, as suits a decay: .99 and .999 are as far apart as .999 and
    .9999.

    Attributes:
        when: What other parameters must be for this domain to apply.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choices: tuple[Scalar, ...] | None = None
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    one_minus_log: bool = False
    integer: bool = False
    also: tuple[Scalar, ...] = ()
    when: dict[str, Condition] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log or self.integer or self.one_minus_log:
                raise ValueError("give either choices, or low and high (with log, integer), not both")
            if len(set(self.choices)) != len(self.choices) or len(self.choices) < 2:
                raise ValueError("choices needs at least two different values")
            if set(self.choices) & set(self.also):
                raise ValueError("also names values beside the choices, none of them")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give choices: [...], or low: and high:")
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low above 0, not {self.low}")
        if self.one_minus_log and (self.high >= 1 or self.log or self.integer):
            raise ValueError("one_minus_log needs high below 1, and neither log nor integer")
        if self.integer and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise ValueError("an integer range needs whole numbers as low and high")
        return self

    def outermost(self) -> tuple[Scalar, ...]:
        """The values beside the others, then every choice or both ends of the range."""
        if self.choices is not None:
            return (*self.also, *self.choices)
        assert self.low is not None and self.high is not None  # noqa: S101 - established by _check_form
        return (*self.also, self.low, self.high)

    def contains(self, value: Any) -> bool:
        """Whether `value` is one that this domain can propose."""
        if value in self.also:
            return True
        if self.choices is not None:
            return value in self.choices
        assert self.low is not None and self.high is not None  # noqa: S101 - established by _check_form
        return isinstance(value, int | float) and self.low <= value <= self.high

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition holds for the values given so far."""
        return all(condition.allows(values.get(name)) for name, condition in self.when.items())

    @property
    def condition(self) -> str:
        """The conditions, for people and for names: `optimizer=sgd, heads=1|3`."""
        return ", ".join(f"{name}={condition}" for name, condition in self.when.items())

    def suggest(self, name: str, source: Suggest) -> Scalar:
        """Take a value for `name` from `source`."""
        if self.also:
            form = source.choose(form_name(name), ("range", *(str(value) for value in self.also)))
            if form != "range":
                return next(value for value in self.also if str(value) == form)
        if self.choices is not None:
            return source.choose(name, self.choices)
        assert self.low is not None and self.high is not None  # noqa: S101 - established by _check_form
        if self.integer:
            return source.integer(name, int(self.low), int(self.high), log=self.log)
        if self.one_minus_log:
            drawn = source.real(f"1 - {name}", 1.0 - float(self.high), 1.0 - float(self.low), log=True)
            return min(max(1.0 - drawn, float(self.low)), float(self.high))
        return source.real(name, float(self.low), float(self.high), log=self.log)

    def suggestion_of(self, name: str, value: Scalar) -> dict[str, Scalar]:
        """What `suggest` would have had to draw, by name, to return `value`."""
        if value in self.also:
            return {form_name(name): str(value)}
        drawn: dict[str, Scalar] = {f"1 - {name}": 1.0 - float(value)} if self.one_minus_log else {name: value}
        return {form_name(name): "range", **drawn} if self.also else drawn


def form_name(name: str) -> str:
    """Name under which it is drawn whether a value comes from the range or the choices, or is one beside them."""
    return f"{name} form"


class Parameter(BaseModel):
    """One varied parameter: a name of `TrialConfig`, and its domains (several where conditions differ).

    `threshold_offsets.CLASS` varies one entry of `threshold_offsets`, `class_weight_factors.CLASS` likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    domains: tuple[Domain, ...]

    def domain(self, values: Mapping[str, Any]) -> Domain | None:
        """The first domain that applies to the values given so far, or None: the baseline's value holds."""
        return next((domain for domain in self.domains if domain.applies(values)), None)

    def suggestion_name(self, domain: Domain) -> str:
        """Name under which a sampler knows this parameter in this domain.

        Different ranges of one parameter are different quantities to a sampler (a learning rate of SGD says nothing
        about one of AdamW), so each domain of several has a name of its own.
        """
        if len(self.domains) == 1:
            return self.name
        return f"{self.name} [{domain.condition}]"

    def depends_on(self) -> set[str]:
        """Names in this parameter's conditions."""
        return {name for domain in self.domains for name in domain.when}
