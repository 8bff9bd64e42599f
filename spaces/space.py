"""Search spaces: a baseline configuration and the parameters that may leave it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from spaces.configuration import TrialConfig
from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.parameters import Parameter, Scalar, Suggest

POINTS_TRIED = 300
"""Random points of a space that are tried before it is taken."""

EVERY_CLASS = ".*"
"""Suffix of a parameter that stands for one parameter per foreground class of the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """What may vary around one baseline.

    Attributes:
        name: Name of the space, in file names, tables and reports.
        description: One line for people.
        baseline: The configuration that is evaluated first, a point of the space.
        parameters: What varies, each after everything that its conditions name.
    """

    name: str
    description: str
    baseline: TrialConfig
    parameters: tuple[Parameter, ...]

    def sample(self, source: Suggest) -> TrialConfig:
        """Draw one configuration from `source`."""
        values = self.baseline.model_dump()
        for parameter in self.parameters:
            domain = parameter.domain(values)
            if domain is not None:
                value = domain.suggest(parameter.suggestion_name(domain), source)
                _set_value(values, parameter.name, value)
        return TrialConfig.model_validate(values)

    def suggestions_of(self, config: TrialConfig) -> dict[str, Scalar]:
        """What a sampler would have had to draw, by name, to propose `config`."""
        values = config.model_dump()
        drawn: dict[str, Scalar] = {}
        for parameter in self.parameters:
            domain = parameter.domain(values)
            if domain is not None:
                value = _get_value(values, parameter.name)
                drawn.update(domain.suggestion_of(parameter.suggestion_name(domain), value))
        return drawn

    def values_of(self, name: str) -> tuple[Scalar, ...]:
        """All values that a parameter of choices may take, the baseline's first."""
        values = [getattr(self.baseline, name)]
        for parameter in self.parameters:
            if parameter.name == name:
                values += [value for domain in parameter.domains for value in domain.choices or ()]
        return tuple(dict.fromkeys(values))

    def fix(self, fixed: Mapping[str, Any]) -> "Space":
        """The same space with some values held: they are no longer searched, nor is what can't apply any more."""
        baseline = TrialConfig.model_validate(self.baseline.model_dump() | dict(fixed))
        remaining: list[Parameter] = []
        searched = {parameter.name for parameter in self.parameters} - set(fixed)
        held = {name: value for name, value in baseline.model_dump().items() if name not in searched}
        for parameter in self.parameters:
            domains = tuple(
                domain
                for domain in parameter.domains
                if all(name not in held or held[name] in allowed for name, allowed in domain.when.items())
            )
            if parameter.name not in fixed and domains:
                remaining.append(parameter.model_copy(update={"domains": domains}))
        return replace(self, baseline=baseline, parameters=tuple(remaining))

    def for_classes(self, foreground: Sequence[str]) -> "Space":
        """The same space with every `NAME.*` parameter spelled out for each foreground class of the data."""
        parameters: list[Parameter] = []
        for parameter in self.parameters:
            if parameter.name.endswith(EVERY_CLASS):
                stem = parameter.name.removesuffix(EVERY_CLASS)
                parameters.extend(parameter.model_copy(update={"name": f"{stem}.{name}"}) for name in foreground)
            else:
                parameters.append(parameter)
        return replace(self, parameters=tuple(parameters))


def make_space(name: str, description: str, baseline: Mapping[str, Any], parameters: Sequence[Parameter]) -> Space:
    """Check a space's parts against each other and put the parameters in an order in which they can be drawn.

    Raises:
        InputError: If the baseline is no valid configuration or no point of the space, or a parameter is unknown.
    """
    try:
        config = TrialConfig.model_validate(dict(baseline))
    except ValidationError as error:
        raise InputError(f"space {name}: baseline: {first_complaint(error)}") from None
    for parameter in parameters:
        field = parameter.name.split(".", 1)[0]
        if field not in TrialConfig.model_fields or ("." in parameter.name) != (field == "threshold_offsets"):
            known = ", ".join(sorted(TrialConfig.model_fields))
            raise InputError(f"space {name}: unknown parameter {parameter.name!r}; one of: {known}")
        for missing in sorted(parameter.depends_on() - set(TrialConfig.model_fields)):
            raise InputError(f"space {name}: {parameter.name}: 'when' names {missing!r}, which is no parameter")
    ordered = _in_drawing_order(name, parameters)
    _check_baseline_is_a_point(name, config, ordered)
    _check_values_are_valid(name, config, ordered)
    space = Space(name=name, description=description, baseline=config, parameters=ordered)
    _check_points_are_valid(space)
    return space


def first_complaint(error: ValidationError) -> str:
    """One line from pydantic's report: where, what, and the value found."""
    detail = error.errors()[0]
    where = ".".join(str(part) for part in detail["loc"] if not str(part).startswith(("function-", "tuple[")))
    message = detail["msg"].removeprefix("Value error, ")
    found = "" if detail["type"] in {"missing", "value_error"} else f" (found {detail['input']!r})"
    return f"{where}: {message}{found}" if where else f"{message}{found}"


def _in_drawing_order(name: str, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    waiting = list(parameters)
    ordered: list[Parameter] = []
    while waiting:
        names = {parameter.name for parameter in waiting}
        ready = [parameter for parameter in waiting if not parameter.depends_on() & names]
        if not ready:
            raise InputError(f"space {name}: the conditions of {', '.join(sorted(names))} go round in a circle")
        ordered += ready
        waiting = [parameter for parameter in waiting if parameter not in ready]
    return tuple(ordered)


def _check_baseline_is_a_point(name: str, config: TrialConfig, parameters: Sequence[Parameter]) -> None:
    values = config.model_dump()
    for parameter in parameters:
        if parameter.name.endswith(EVERY_CLASS):
            continue
        domain = parameter.domain(values)
        value = _get_value(values, parameter.name)
        if domain is not None and not domain.contains(value):
            raise InputError(
                f"space {name}: the baseline's {parameter.name} = {value!r} lies outside of what is searched; "
                "widen the range or change the baseline"
            )


def _check_points_are_valid(space: Space) -> None:
    """Draw many points, so that no trial is proposed that is no configuration: parameters may clash in pairs."""
    source = RandomSource(seed=0)
    for _ in range(POINTS_TRIED):
        try:
            space.sample(source)
        except ValidationError as error:
            raise InputError(f"space {space.name} holds invalid configurations: {first_complaint(error)}") from None


def _check_values_are_valid(name: str, config: TrialConfig, parameters: Sequence[Parameter]) -> None:
    """Try both ends of each range and every choice."""
    for parameter in parameters:
        for domain in parameter.domains:
            ends = domain.choices if domain.choices is not None else (domain.low, domain.high, *domain.also)
            for value in ends:
                values = config.model_dump() | {k: allowed[0] for k, allowed in domain.when.items()}
                _set_value(values, parameter.name, value)
                try:
                    TrialConfig.model_validate(values)
                except ValidationError as error:
                    raise InputError(f"space {name}: {parameter.name}: {first_complaint(error)}") from None


def _set_value(values: dict[str, Any], name: str, value: Any) -> None:
    field, _, key = name.partition(".")
    values[field] = {**values[field], key: value} if key else value


def _get_value(values: Mapping[str, Any], name: str) -> Any:
    field, _, key = name.partition(".")
    return values[field].get(key, 0.0) if key else values[field]
