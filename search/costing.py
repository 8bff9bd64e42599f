"""Measuring the networks of a search, one after another and alone on the device, once per distinct network."""

from collections.abc import Callable
from typing import Any

from search.controller import SearchController
from search.settings import SearchSettings
from spaces.configuration import TrialConfig


def measure_networks(settings: SearchSettings, controller: SearchController, write: Callable[[str], None]) -> None:
    """Measure each network that was trained and has no costs yet, on the kind of device the trials ran on.

    A network that can't be measured is told of and left without costs; the search's results stand without them.
    """
    import ray

    networks: dict[str, tuple[str, TrialConfig]] = {}
    for trial in controller.history.trials.values():
        if trial.reports:
            networks.setdefault(repr(trial.job.config.network_key()), (trial.job.space, trial.job.config))
    remote = ray.remote(_measure)
    for network, (space, config) in networks.items():
        if network in controller.history.costs:
            continue
        place = remote.options(
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
            write(f"costs of {space} ({network}) not measured: {reason[-1] if reason else type(error).__name__}")
            continue
        controller.costed(network, costs)


def _measure(config: dict[str, Any], **protocol: Any) -> dict[str, float]:
    from analysis.costs import measure_costs

    return measure_costs(TrialConfig.model_validate(config), **protocol).columns()
