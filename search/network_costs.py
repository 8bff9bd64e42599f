"""What the networks of a search cost, as its cost objectives see it: known before the first trial is judged."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from analysis.ground_latency import latency_per_megapixel
from analysis.tables import CONFIG_PREFIX, NETWORK_COLUMNS
from search.objectives import cost_objectives, measured_objectives
from spaces.conditions import Scalar
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.parameters import Domain, Parameter
from spaces.space import Space

NETWORK_FIELDS = tuple(name.removeprefix(CONFIG_PREFIX) for name in NETWORK_COLUMNS)
"""Fields of a configuration that decide what its network costs, as `TrialConfig.network_key` has them."""

MOST_NETWORKS = 64
"""Distinct networks of a search whose costs are measured before it starts: each takes up to a minute or two."""


def network_name(config: TrialConfig) -> str:
    """The network of a configuration, as the journal's `costed` events and `SearchHistory.costs` name it."""
    return repr(config.network_key())


def networks_of(space: Space) -> dict[str, TrialConfig]:
    """Every network that trials of a space can have, by name, each with a configuration that has it.

    Raises:
        InputError: If a parameter that changes the network is a range, so that there is no end of them, or if there are
            more than `MOST_NETWORKS`.
    """
    deciding = _deciding(space.parameters)
    points = [space.baseline.model_dump()]
    for parameter in space.parameters:
        if parameter.name not in deciding:
            continue
        branched: dict[str, dict[str, object]] = {}
        for point in points:
            domain = parameter.domain(point)
            values = (point[parameter.name],) if domain is None else _values(space.name, parameter.name, domain)
            for value in values:
                after = {**point, parameter.name: value}
                branched[repr([after[name] for name in deciding])] = after
        points = list(branched.values())
        _check_number(space.name, len(points))
    baseline = space.baseline.model_dump()
    configs = [
        TrialConfig.model_validate(baseline | {name: point[name] for name in NETWORK_FIELDS}) for point in points
    ]
    return {network_name(config): config for config in configs}


def check_cost_objectives(spaces: Iterable[Space], objectives: Sequence[str]) -> None:
    """Check that all that has to be measured for the objectives can be measured before the search.

    Raises:
        InputError: If it can't (see `networks_of`), or the spaces together have too many networks.
    """
    if measured_objectives(objectives):
        spaces = tuple(spaces)
        _check_number(", ".join(space.name for space in spaces), sum(len(networks_of(space)) for space in spaces))


def costs_of(
    config: TrialConfig, costs: Mapping[str, Mapping[str, float]], objectives: Sequence[str], *, classes: int
) -> tuple[float, ...]:
    """What the network of a configuration costs: a number for each cost objective, in their order, less is better.

    `parameters` is a count, `latency` ms per 1e6 px of the photo (`analysis.ground_latency`), so that different
    inference sizes compare, `memory` the peak while one window is predicted, MB.

    Args:
        config: The configuration.
        costs: Measured costs by network, `SearchHistory.costs`.
        objectives: The search's objectives; `miou` has no cost.
        classes: Number of classes, on which the count of parameters depends.

    Raises:
        KeyError: A cost that has to be measured was not.
    """
    found: list[float] = []
    for name in cost_objectives(objectives):
        if name == "parameters":
            found.append(float(count_parameters(config, classes)))
            continue
        measured = costs[network_name(config)]
        if name == "latency":
            window = float(measured["latency_ms_p50"])
            found.append(latency_per_megapixel(window, config.image_scale, float(config.crop_size)))
        else:
            found.append(float(measured["peak_memory_mb"]))
    return tuple(found)


def count_parameters(config: TrialConfig, classes: int) -> int:
    """Weights of a configuration's network, counted without making room for them."""
    return _count(config.architecture, config.encoder, config.heads, config.decoder_width, classes)


@cache
def _count(architecture: str, encoder: str, heads: int, decoder_width: float, classes: int) -> int:
    import torch

    from trainables.models import create_model

    config = TrialConfig(architecture=architecture, encoder=encoder, heads=heads, decoder_width=decoder_width)
    with torch.device("meta"):
        model = create_model(config, classes=classes)
    return sum(parameter.numel() for parameter in model.parameters())


def _deciding(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """Names of the fields of the network, and of all parameters that their conditions rest on."""
    names = list(NETWORK_FIELDS)
    for parameter in reversed(parameters):
        if parameter.name in names:
            names += sorted(parameter.depends_on() - set(names))
    return tuple(names)


def _values(space: str, name: str, domain: Domain) -> tuple[Scalar, ...]:
    if domain.choices is not None or name not in NETWORK_FIELDS:
        # Of a range that only decides whether another parameter applies, the ends stand for all.
        return domain.outermost()
    if domain.integer and domain.low is not None and domain.high is not None:
        return tuple(dict.fromkeys((*domain.also, *range(int(domain.low), int(domain.high) + 1))))
    raise InputError(
        f"space {space}: {name} is a range, so its networks can't all be measured before the search, which latency and "
        "memory among the --objectives need; give choices: [...] instead of low and high"
    )


def _check_number(what: str, count: int) -> None:
    if count > MOST_NETWORKS:
        raise InputError(
            f"--objectives: {what}: {count} or more distinct networks to measure before the search; at most "
            f"{MOST_NETWORKS} are: give fewer choices to {', '.join(NETWORK_FIELDS)}"
        )
