"""Measuring the networks of a search, one after another and alone on the device, once per distinct network."""

from collections.abc import Callable, Mapping
from typing import Any

from search.controller import SearchController
from search.network_costs import network_name, networks_of
from search.objectives import measured_objectives
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from spaces.errors import InputError

Measure = Callable[[SearchSettings, str, TrialConfig], Mapping[str, float]]
"""Measures the costs of the network of a configuration of a space; raises `NotMeasuredError`."""


class NotMeasuredError(Exception):
    """A network's costs could not be measured; the message says why, in one line."""


def measure_on_ray(settings: SearchSettings, space: str, config: TrialConfig) -> Mapping[str, float]:
    """Measure a network alone on the kind of device that trials run on; Ray must be running.

    Raises:
        NotMeasuredError: If the measurement failed.
    """
    import ray

    place = ray.remote(_measure).options(
        num_cpus=settings.device.cost_threads,
        num_gpus=1 if settings.device.kind == "cuda" else 0,
    )
    task = place.remote(
        config.model_dump(mode="json"),
        classes=len(settings.data.classes),
        device=settings.device.kind,
        quick=settings.preset == "demo",
        layout="channels_last" if settings.layouts[space].channels_last else "contiguous",
        threads=settings.device.cost_threads,
    )
    try:
        costs: dict[str, float] = ray.get(task)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()
        raise NotMeasuredError(reason[-1] if reason else type(error).__name__) from error
    return costs


def measure_objectives(
    settings: SearchSettings,
    controller: SearchController,
    write: Callable[[str], None],
    measure: Measure = measure_on_ray,
) -> None:
    """Measure every network that trials can have, where the search's objectives need it before its first trial.

    Does nothing without such objectives. What the journal holds already is not measured again.

    Raises:
        InputError: If a network can't be measured: without its costs the search could not judge its trials.
    """
    wanted = measured_objectives(settings.objectives)
    if not wanted:
        return
    networks = {
        network: (space.name, config)
        for space in settings.searched_spaces()
        for network, config in networks_of(space).items()
    }
    missing = len(networks.keys() - controller.history.costs.keys())
    if missing:
        write(f"measuring {missing} network{'' if missing == 1 else 's'} for {' and '.join(wanted)}, one at a time")
    for network, (space, config) in networks.items():
        try:
            _measure_once(settings, controller, networks, network, measure)
        except NotMeasuredError as error:
            raise InputError(
                f"--objectives {','.join(settings.objectives)}: the network of {space} {config.network_key()} can't be "
                f"measured ({error}); leave it out of the space, or {' and '.join(wanted)} out of the objectives"
            ) from error


def measure_networks(
    settings: SearchSettings,
    controller: SearchController,
    write: Callable[[str], None],
    measure: Measure = measure_on_ray,
) -> None:
    """Measure each network that was trained and has no costs yet.

    A network that can't be measured is told of and left without costs; the search's results stand without them.
    """
    networks: dict[str, tuple[str, TrialConfig]] = {}
    for trial in controller.history.trials.values():
        if trial.reports:
            networks.setdefault(network_name(trial.job.config), (trial.job.space, trial.job.config))
    for network, (space, _) in networks.items():
        try:
            _measure_once(settings, controller, networks, network, measure)
        except NotMeasuredError as error:
            write(f"costs of {space} ({network}) not measured: {error}")


def _measure_once(
    settings: SearchSettings,
    controller: SearchController,
    networks: Mapping[str, tuple[str, TrialConfig]],
    network: str,
    measure: Measure,
) -> None:
    """Journal the costs of a network, unless they are known.

    Networks that differ in `image_scale` alone run on windows of one size: what one of them took holds for all, so that
    the noise of two measurements can't make one inference size look cheaper than another.
    """
    known = controller.history.costs
    if network in known:
        return
    space, config = networks[network]
    twins = [
        other
        for other, (_, its_config) in networks.items()
        if other in known
        and its_config.model_copy(update={"image_scale": config.image_scale}).network_key() == config.network_key()
    ]
    controller.costed(network, known[twins[0]] if twins else measure(settings, space, config))


def _measure(config: dict[str, Any], **protocol: Any) -> dict[str, float]:
    from analysis.costs import measure_costs

    return measure_costs(TrialConfig.model_validate(config), **protocol).columns()
