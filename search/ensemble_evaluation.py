"""Evaluating one ensemble as a task on Ray, on the kind of device that trials run on."""

from collections.abc import Mapping
from typing import Any

from search.ensembles import EnsembleJob, NotEvaluatedError, WeightsGoneError
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from trainables.checkpoint_store import BEST, open_store


def evaluate_on_ray(settings: SearchSettings, job: EnsembleJob) -> Mapping[str, Any]:
    """Evaluate an ensemble; Ray must be running.

    Raises:
        WeightsGoneError: If the weights of a member are not kept any more.
        NotEvaluatedError: If the evaluation failed.
    """
    import ray

    device = settings.device
    place = ray.remote(evaluate_here).options(
        num_cpus=max(device.cpus_per_trial[space] for space in job.spaces),
        num_gpus=max(device.gpus_per_trial[space] for space in job.spaces),
    )
    try:
        test: dict[str, Any] = ray.get(place.remote(settings, job))
    except ray.exceptions.RayTaskError as error:
        cause = error.cause if isinstance(getattr(error, "cause", None), Exception) else error
        reason = str(cause).strip().splitlines()
        kind = WeightsGoneError if isinstance(cause, WeightsGoneError) else NotEvaluatedError
        raise kind(reason[-1] if reason else type(cause).__name__) from error
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()
        raise NotEvaluatedError(reason[0] if reason else type(error).__name__) from error
    return test


def evaluate_here(settings: SearchSettings, job: EnsembleJob) -> dict[str, Any]:
    """Evaluate an ensemble in this process, as the journal keeps a finalist's evaluation on the test part.

    Raises:
        WeightsGoneError: If the weights of a member are not kept any more.
    """
    import torch

    from trainables.compute.precision import prepare_device
    from trainables.data.trial_data import TrialData
    from trainables.evaluation.ensemble import Member, evaluate_ensemble
    from trainables.evaluation.metrics import tested_record
    from trainables.models import create_model

    device = torch.device(settings.device.kind)
    if device.type == "cpu":
        torch.set_num_threads(max(1, *(int(settings.device.cpus_per_trial[space]) for space in job.spaces)))
    prepare_device(device)
    store = open_store(settings.storage)
    members = []
    for space, trial_id in zip(job.spaces, job.members, strict=True):
        state = store.read(trial_id, BEST)
        if state is None:
            raise WeightsGoneError(f"the weights of {trial_id} are gone")
        config = TrialConfig.model_validate(state["config"])
        layout = settings.layouts[space].compute_layout()
        model = create_model(config, classes=len(settings.data.classes))
        model.load_state_dict(state["model"])
        model = model.to(device).to(memory_format=layout.memory_format).eval()
        members.append(Member(model, config, layout))
    dataset, split = settings.open_data()
    return tested_record(evaluate_ensemble(members, TrialData(dataset, split), "test", settings=settings.evaluation))
