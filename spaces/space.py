"""Search spaces: a baseline configuration and the parameters that may leave it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spaces.complaints import first_complaint, near_name
from spaces.conditions import Scalar
from spaces.configuration import BY_CLASS, TrialConfig
from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.parameters import Domain, Parameter, Suggest

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
        lines: File and line of what was written, by ("baseline" or "parameters", name); for messages.
        data: The file that also says which data the space is for, if one does.
    """

    name: str
    description: str
    baseline: TrialConfig
    parameters: tuple[Parameter, ...]
    lines: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False, repr=False)
    data: Path | None = None

    def place_of(self, name: str, value: Any) -> str:
        """Where a value of a parameter was written, for messages: file and line if they are known."""
        part = "baseline" if getattr(self.baseline, name) == value else "parameters"
        line = self.lines.get((part, name))
        return f"{line}: {name}" if line else f"space {self.name}: {name}"

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
        """All values that a parameter of choices may take, the baseline's first; of a range, both ends."""
        values = [getattr(self.baseline, name)]
        for parameter in self.parameters:
            if parameter.name == name:
                values += [value for domain in parameter.domains for value in domain.outermost()]
        return tuple(dict.fromkeys(values))

    def fix(self, fixed: Mapping[str, Any]) -> "Space":
        """The same space with some values held: they are no longer searched, nor is what can't apply any more."""
        baseline = TrialConfig.model_validate(self.baseline.model_dump() | dict(fixed))
        held = baseline.model_dump()
        remaining: dict[str, Parameter] = {}
        # A parameter that falls away is held itself, so what hangs on it, which comes later, can fall away too.
        for parameter in self.parameters:
            domains = tuple(
                domain
                for domain in parameter.domains
                if all(name in remaining or condition.allows(held[name]) for name, condition in domain.when.items())
            )
            if parameter.name not in fixed and domains:
                remaining[parameter.name] = parameter.model_copy(update={"domains": domains})
        return replace(self, baseline=baseline, parameters=tuple(remaining.values()))

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


class SpaceError(InputError):
    """Bad input in a space.

    Attributes:
        location: Where, as keys of a space file: ("baseline", "heads") say, or several keys of one part that clash.
    """

    def __init__(self, message: str, *location: str) -> None:
        super().__init__(message)
        self.location = location


def make_space(name: str, description: str, baseline: Mapping[str, Any], parameters: Sequence[Parameter]) -> Space:
    """Check a space's parts against each other and put the parameters in an order in which they can be drawn.

    Raises:
        SpaceError: If the baseline is no valid configuration or no point of the space, or a parameter is unknown.
    """
    try:
        config = TrialConfig.model_validate(dict(baseline))
    except ValidationError as error:
        where = [str(part) for part in error.errors()[0]["loc"][:1]] or _names_in(str(error.errors()[0]["msg"]))
        raise SpaceError(f"space {name}: baseline: {first_complaint(error, TrialConfig)}", "baseline", *where) from None
    for parameter in parameters:
        field = parameter.name.split(".", 1)[0]
        if field not in TrialConfig.model_fields or ("." in parameter.name) != (field in BY_CLASS):
            known = f"; one of: {', '.join(sorted(TrialConfig.model_fields))}"
            near = near_name(parameter.name, (*TrialConfig.model_fields, *(f"{one}.*" for one in BY_CLASS)))
            text = f"space {name}: unknown parameter {parameter.name!r}{near or known}"
            raise SpaceError(text, "parameters", parameter.name)
        for missing in sorted(parameter.depends_on() - set(TrialConfig.model_fields)):
            text = f"space {name}: {parameter.name}: 'when' names {missing!r}, which is no parameter"
            raise SpaceError(text, "parameters", parameter.name)
    ordered = _in_drawing_order(name, parameters)
    space = Space(name=name, description=description, baseline=config, parameters=ordered)
    _check_values_are_valid(space)
    _check_baseline_is_a_point(name, config, ordered)
    _check_points_are_valid(space)
    return space


def _names_in(complaint: str) -> list[str]:
    """The values of a configuration that a complaint names."""
    return [word for word in re.findall(r"\w+", complaint) if word in TrialConfig.model_fields]


def _in_drawing_order(name: str, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    waiting = list(parameters)
    ordered: list[Parameter] = []
    while waiting:
        names = {parameter.name for parameter in waiting}
        ready = [parameter for parameter in waiting if not parameter.depends_on() & names]
        if not ready:
            text = f"space {name}: the conditions of {', '.join(sorted(names))} go round in a circle"
            raise SpaceError(text, "parameters", min(names))
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
            raise SpaceError(
                f"space {name}: the baseline's {parameter.name} = {value!r} lies outside of what is searched; "
                "widen the range or change the baseline",
                "parameters",
                parameter.name,
            )


def _check_points_are_valid(space: Space) -> None:
    """Draw many points, so that no trial is proposed that is no configuration: parameters may clash in pairs."""
    source = RandomSource(seed=0)
    for _ in range(POINTS_TRIED):
        try:
            space.sample(source)
        except ValidationError as error:
            complaint = first_complaint(error)
            told = _names_in(complaint)
            where = [one.name for one in space.parameters if one.name.partition(".")[0] in told]
            text = f"space {space.name} holds invalid configurations: {complaint}"
            raise SpaceError(text, "parameters", *where) from None


def _check_values_are_valid(space: Space) -> None:
    """Try both ends of each range and every choice."""
    for parameter in space.parameters:
        for domain in parameter.domains:
            values = space.baseline.model_dump() | _where_it_applies(space, parameter, domain)
            for value in domain.outermost():
                _set_value(values, parameter.name, value)
                try:
                    config = TrialConfig.model_validate(values)
                except ValidationError as error:
                    text = f"space {space.name}: {parameter.name}: {first_complaint(error)}"
                    raise SpaceError(text, "parameters", parameter.name) from None
                taken = _get_value(config.model_dump(), parameter.name)
                if isinstance(taken, bool) != isinstance(value, bool):
                    raise SpaceError(
                        f"space {space.name}: {parameter.name}: {value!r} would be taken for {taken!r}; "
                        f"write {str(taken).lower()}",
                        "parameters",
                        parameter.name,
                    )


def _where_it_applies(space: Space, parameter: Parameter, domain: Domain) -> dict[str, Scalar]:
    """Values of the other parameters under which a domain applies."""
    values: dict[str, Scalar] = {}
    for other, condition in domain.when.items():
        example = condition.example(space.values_of(other))
        if example is None:
            text = f"space {space.name}: {parameter.name}: 'when' {other}={condition} can never hold"
            raise SpaceError(text, "parameters", parameter.name)
        values[other] = example
    return values


def _set_value(values: dict[str, Any], name: str, value: Any) -> None:
    field, _, key = name.partition(".")
    values[field] = {**values[field], key: value} if key else value


def _get_value(values: Mapping[str, Any], name: str) -> Any:
    field, _, key = name.partition(".")
    return values[field].get(key, BY_CLASS[field]) if key else values[field]
