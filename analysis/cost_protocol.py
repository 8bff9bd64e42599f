"""How costs are measured: one fresh process per network and runtime, in turn, nothing else on the device.

Networks are prepared in another process (`analysis.cost_preparation`). Then every network in every runtime gets
a process that loads it, compiles it and warms up (`analysis.cost_measurement`). All stay alive, and while one is asked
the others idle: in each round every process times a share of its samples, A/B/A/B, so that what disturbs the machine
for a while disturbs all alike, and each peak of memory is that of one process. Training steps come last, alone.
"""

import importlib.metadata
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from analysis.cost_settings import PLAIN, RECIPE_BATCH, MeasuredNetwork, Protocol
from analysis.costs import NetworkCosts
from analysis.device_name import device_name
from analysis.measuring_process import MeasurementError, MeasuringProcess
from analysis.quantile_intervals import FEWEST_FOR_P99, disturbance, quantile_with_interval
from trainables.runtimes.names import RUNTIME_KINDS, Variant

_TORCH_LAYOUTS = ("torch_eager", "torch_compile")


@dataclass(slots=True)
class _Turns:
    """A process and what it has answered so far."""

    network: MeasuredNetwork
    variant: Variant
    process: MeasuringProcess
    opened: dict[str, Any]
    rounds: list[list[float]] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    joules: list[float | None] = field(default_factory=list)
    batches: dict[int, list[float]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)


def measure_networks(
    networks: Sequence[MeasuredNetwork], protocol: Protocol, *, announce: Callable[[str], object] = lambda _: None
) -> list[tuple[MeasuredNetwork, NetworkCosts]]:
    """Measure networks in every variant of the protocol, those of one network after another.

    Raises:
        InputError: The data can't be read, or are not those of a checkpoint.
        RuntimeError: A process failed, for example because memory ran out; its last line says why.
    """
    if protocol.reads_data:
        protocol.data.check(networks)
    with tempfile.TemporaryDirectory(prefix="costs-", ignore_cleanup_errors=True) as folder, ExitStack() as processes:
        places = [Path(folder) / str(number) for number in range(len(networks))]
        prepared: list[dict[str, Any]] = []
        # It ends before anything is measured, so that its memory is there for what is.
        with MeasuringProcess("analysis.cost_preparation") as preparing:
            for network, place in zip(networks, places, strict=True):
                announce(f"preparing {network.name}")
                place.mkdir()
                prepared.append(_prepare(preparing, network, place, protocol))
        if protocol.threads is None and prepared:
            # The same number for all: runtimes' own choices differ, and so would not compare.
            protocol = replace(protocol, threads=prepared[0]["threads"])
        turns: list[_Turns] = []
        for network, place in zip(networks, places, strict=True):
            for variant in protocol.variants:
                announce(f"starting {network.name} at {network.config.crop_size} px, {_title(variant)}")
                turns.append(_open(network, variant, place, protocol, processes))
        announce(f"measuring in turn, {protocol.rounds} rounds")
        _take_turns(turns, protocol)
        measured = [_timings(one) for one in turns]
        processes.close()
        training = [_train(network, protocol, announce) for network in networks]
        count = len(protocol.variants)
        accuracies = [
            _accuracies(network, place, protocol, announce) for network, place in zip(networks, places, strict=True)
        ]
    rows = []
    for position, (one, timings) in enumerate(zip(turns, measured, strict=True)):
        number, place_in = divmod(position, count)
        facts = {name: value for name, value in prepared[number].items() if name not in ("exported_mb", "threads")}
        rows.append(
            (
                one.network,
                NetworkCosts(
                    **_identity(one, protocol),
                    **facts,
                    exported_mb=prepared[number]["exported_mb"][place_in],
                    **timings,
                    **training[number],
                    **accuracies[number][place_in],
                ),
            )
        )
    return rows


def _prepare(process: MeasuringProcess, network: MeasuredNetwork, folder: Path, protocol: Protocol) -> dict[str, Any]:
    with _failing(network, "preparing"):
        return process.ask(
            **_about(network, folder),
            checkpoint=None if network.checkpoint is None else str(network.checkpoint),
            variants=[[variant.runtime, variant.precision] for variant in protocol.variants],
            source=dict(protocol.data.source),
            **protocol.data.split_for(network),
        )


def _open(network: MeasuredNetwork, variant: Variant, folder: Path, protocol: Protocol, processes: ExitStack) -> _Turns:
    process = processes.enter_context(MeasuringProcess("analysis.cost_measurement"))
    with _failing(network, f"measuring the costs in {_title(variant)} of"):
        opened = process.ask(
            do="open",
            runtime=variant.runtime,
            **_about(network, folder),
            longest_s=protocol.warm_up_longest_s,
            device=protocol.device,
            precision=variant.precision,
            layout=protocol.layout,
            threads=protocol.threads,
        )
    return _Turns(network, variant, process, opened)


def _take_turns(turns: Sequence[_Turns], protocol: Protocol) -> None:
    share = -(-protocol.samples // protocol.rounds)
    for _ in range(protocol.rounds):
        for one in turns:
            with _failing(one.network, f"timing in {_title(one.variant)}"):
                answer = one.process.ask(do="time", batch=1, samples=share, longest_s=protocol.turn_longest_s)
            one.rounds.append(answer["ms"])
            one.joules.append(answer["joules"])
    for one in turns:
        # Read before files and larger batches raise it.
        one.memory = one.process.ask(do="memory")
    share = -(-protocol.whole_samples // protocol.rounds)
    for _ in range(protocol.rounds):
        for one in turns:
            with _failing(one.network, f"timing in {_title(one.variant)}"):
                one.whole += one.process.ask(do="time_whole", samples=share, longest_s=protocol.turn_longest_s)["ms"]
    for batch in protocol.batches:
        for one in turns:
            with _failing(one.network, f"timing batches in {_title(one.variant)}"):
                answer = one.process.ask(
                    do="time", batch=batch, samples=protocol.batch_runs, longest_s=protocol.turn_longest_s
                )
            one.batches[batch] = answer["ms"]


def _timings(one: _Turns) -> dict[str, Any]:
    samples = [value for turn in one.rounds for value in turn]
    half, most = quantile_with_interval(samples, 0.5), quantile_with_interval(samples, 0.9)
    whole = quantile_with_interval(one.whole, 0.5)
    rates = {batch: 1e3 * batch / statistics.median(ms) for batch, ms in one.batches.items() if ms}
    best = max(rates, key=lambda batch: rates[batch])
    joules = [value for value in one.joules if value is not None]
    device_mb = one.memory["device_mb"]
    return {
        "latency_ms_p50": half.value,
        "latency_ms_p50_low": half.low,
        "latency_ms_p50_high": half.high,
        "latency_ms_p90": most.value,
        "latency_ms_p90_low": most.low,
        "latency_ms_p90_high": most.high,
        "latency_ms_p99": quantile_with_interval(samples, 0.99).value if len(samples) >= FEWEST_FOR_P99 else None,
        "latency_samples": len(samples),
        "disturbed": disturbance(one.rounds) or "",
        "whole_ms_p50": whole.value,
        "whole_ms_p50_low": whole.low,
        "whole_ms_p50_high": whole.high,
        "whole_ms_p90": quantile_with_interval(one.whole, 0.9).value,
        "throughput_img_s": rates[best],
        "throughput_batch_size": best,
        "peak_memory_mb": one.memory["process_mb"] if device_mb is None else device_mb,
        "peak_process_memory_mb": one.memory["process_mb"],
        "device_memory_mb": device_mb,
        "energy_j": sum(joules) / len(samples) if len(joules) == len(one.joules) and joules else None,
        **one.opened,
    }


def _identity(one: _Turns, protocol: Protocol) -> dict[str, Any]:
    kind, config = RUNTIME_KINDS[one.variant.runtime], one.network.config
    return {
        "architecture": config.architecture,
        "encoder": config.encoder,
        "input_size": config.crop_size,
        "classes": one.network.classes,
        "device": device_name(protocol.device),
        "runtime": kind.title,
        "precision": one.variant.precision,
        "layout": protocol.layout if one.variant.runtime in _TORCH_LAYOUTS else "own",
        "torch_version": importlib.metadata.version("torch"),
        "runtime_version": importlib.metadata.version(kind.package),
    }


def _train(network: MeasuredNetwork, protocol: Protocol, announce: Callable[[str], object]) -> dict[str, Any]:
    if protocol.train_batch is None:
        return {}
    batch = network.config.batch_size if protocol.train_batch == RECIPE_BATCH else protocol.train_batch
    announce(f"training {network.name}, {batch} images a step")
    with _failing(network, "training"), MeasuringProcess("analysis.cost_measurement") as process:
        return process.ask(
            do="train",
            config=network.config.model_dump(mode="json"),
            classes=network.classes,
            device=protocol.device,
            layout=protocol.layout,
            threads=protocol.threads,
            batch=batch,
            quick=False,
        )


def _accuracies(
    network: MeasuredNetwork, folder: Path, protocol: Protocol, announce: Callable[[str], object]
) -> list[dict[str, Any]]:
    """`miou`, `miou_loss` and `iou_loss` of each variant."""
    if not protocol.accuracy or network.checkpoint is None:
        return [{} for _ in protocol.variants]

    def evaluate(variant: Variant) -> dict[str, Any]:
        announce(f"evaluating {network.name}, {_title(variant)}")
        with (
            _failing(network, f"evaluating in {_title(variant)}"),
            MeasuringProcess("analysis.cost_accuracy") as process,
        ):
            return process.ask(
                **_about(network, folder),
                runtime=variant.runtime,
                circumstances={
                    "device": protocol.device,
                    "precision": variant.precision,
                    "layout": protocol.layout,
                    "threads": protocol.threads,
                },
                data={**asdict(protocol.data), **protocol.data.split_for(network)},
            )

    original = evaluate(PLAIN)
    rows = []
    for variant in protocol.variants:
        found = original if variant == PLAIN else evaluate(variant)
        losses = {name: 100 * (original["ious"][name] - value) for name, value in found["ious"].items()}
        rows.append({"miou": found["miou"], "miou_loss": 100 * (original["miou"] - found["miou"]), "iou_loss": losses})
    return rows


def _about(network: MeasuredNetwork, folder: Path) -> dict[str, Any]:
    return {"folder": str(folder), "config": network.config.model_dump(mode="json"), "classes": network.classes}


def _title(variant: Variant) -> str:
    return f"{RUNTIME_KINDS[variant.runtime].title} {variant.precision}"


@contextmanager
def _failing(network: MeasuredNetwork, doing: str) -> Iterator[None]:
    try:
        yield
    except MeasurementError as error:
        what = f"{network.config.architecture} with {network.config.encoder}"
        raise RuntimeError(f"{doing} {what} failed: {error}") from error


def tell(line: str) -> None:
    """Say on standard error what is being done."""
    sys.stderr.write(f"{line}\n")
