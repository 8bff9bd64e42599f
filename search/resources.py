"""What one trial takes, and how many fit at once."""

from collections.abc import Mapping, Sequence
from typing import Literal

from search.settings import DeviceSettings
from spaces.errors import InputError
from trainables.compute.machines import GIGABYTE, Machines


def cluster(resources: Mapping[str, float]) -> Machines:
    """Read a Ray cluster's resources."""
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    nodes = sum(1 for name in resources if name.startswith("node:") and "__internal" not in name)
    description = f"Ray cluster, now {nodes} nodes, {cpus} CPU cores, {gpus} GPUs"
    memory = resources.get("memory", 0.0) / GIGABYTE / max(1, nodes)
    return Machines(cpus=cpus, gpus=gpus, description=description, memory_gb=memory, grows=True)


def default_loader_workers(kind: Literal["cpu", "cuda"], cpus: Mapping[str, float]) -> int:
    """Processes that prepare a trial's batches where no option says it.

    On a CPU they would take the cores that train. Beside a GPU one core feeds it and the others prepare; all
    trials have as many, since one process may run trials of several spaces in turn.
    """
    return 0 if kind == "cpu" else max(1, int(min(cpus.values())) - 1)


def per_space(option: str, text: str | None, spaces: Sequence[str], default: float) -> dict[str, float]:
    """Read a `[SPACE=]N[,...]` option into an amount for each space.

    Raises:
        InputError: If a number is none, or negative, or a space is not searched.
    """
    amounts = dict.fromkeys(spaces, default)
    for part in (text or "").split(","):
        if not part.strip():
            continue
        name, equals, number = part.strip().rpartition("=")
        try:
            amount = float(number)
        except ValueError:
            raise InputError(f"{option} {text}: {number!r} is no number; write N or SPACE=N[,SPACE=N]") from None
        if not 0 <= amount < float("inf"):
            raise InputError(f"{option} {text}: {number} must be 0 or more")
        if equals and name not in amounts:
            raise InputError(f"{option} {text}: {name!r} is not searched; searched: {', '.join(spaces)}")
        amounts.update({name: amount} if equals else dict.fromkeys(spaces, amount))
    return amounts


def concurrent_trials(
    machines: Machines, cpus: Mapping[str, float], gpus: Mapping[str, float], limit: int | None
) -> int:
    """Trials that fit at once; on a cluster that grows, as many as `limit` says.

    Raises:
        InputError: If not even one trial of some space fits, or takes nothing.
    """
    most = 0
    for space in cpus:
        if cpus[space] <= 0 and gpus[space] <= 0:
            raise InputError(f"a trial of {space} must take some CPU or GPU; both are 0")
        if machines.grows and limit is not None:
            continue
        if cpus[space] > machines.cpus:
            raise InputError(
                f"--cpus-per-trial {cpus[space]:g} for {space}: there are {machines.cpus} CPU cores{_growing(machines)}"
            )
        if gpus[space] > machines.gpus:
            raise InputError(
                f"--gpus-per-trial {gpus[space]:g} for {space}: there are {machines.gpus} GPUs{_growing(machines)}"
            )
        fits = []
        if cpus[space] > 0:
            fits.append(machines.cpus / cpus[space])
        if gpus[space] > 0:
            fits.append(machines.gpus / gpus[space])
        most = max(most, int(min(fits)))
    if machines.grows and limit is not None:
        return limit
    return min(most, limit) if limit is not None else most


def check_fit(device: DeviceSettings, machines: Machines) -> None:
    """Make sure that a search that was begun elsewhere fits here: a trial that doesn't would be waited for for ever.

    Raises:
        InputError: If a trial of some space does not fit.
    """
    concurrent_trials(machines, device.cpus_per_trial, device.gpus_per_trial, None)


def _growing(machines: Machines) -> str:
    return "; where nodes are added on demand, say --concurrent-trials too" if machines.grows else ""
