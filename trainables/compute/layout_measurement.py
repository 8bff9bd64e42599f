"""Which number format and memory layout trains a space's network fastest on a device, found by timing real steps."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.optim import Optimizer

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.compute.compilation import Compilation
from trainables.compute.out_of_memory import is_out_of_memory
from trainables.compute.precision import ComputeLayout, Precision, prepare_device, recommended_layout
from trainables.losses.combined import supervised_loss
from trainables.models import create_model
from trainables.training.optimisation import create_optimizer

CLEARLY_FASTER = 1.10
"""Another layout than the recommended one is taken where it does this many times its steps per second."""

HOPELESS = 3.0
"""A layout whose fastest step took this many times the fastest one's is not timed again, but the recommended one."""

LONGEST_S = 6.0
"""No further round of steps is begun after this time, once there were `FEWEST_ROUNDS`."""

FEWEST_ROUNDS = 3
MOST_ROUNDS = 10

CPU_BATCH_PIXELS = 2 * 256 * 256
"""Pixels of a batch on a CPU, where a larger one takes long and hardly ranks the layouts otherwise."""

SMALLEST_BATCH = 2
"""Batch norm after global pooling fails on a single crop."""


@dataclass(frozen=True, slots=True)
class LayoutTiming:
    """What one layout took.

    Attributes:
        layout: The layout.
        milliseconds: Of a training step, the fastest of the timed ones: other work on the machine only slows. Of the
            processor where one thread computes, else of the clock.
        steps: Steps that were timed.
        batch: Crops of a step.
    """

    layout: ComputeLayout
    milliseconds: float
    steps: int
    batch: int


@dataclass(frozen=True, slots=True)
class LayoutChoice:
    """The layout that the trials of a space use, and why.

    Attributes:
        layout: The layout.
        measured: All that was timed, the fastest first.
        reason: One line for people; names what could not be timed.
    """

    layout: ComputeLayout
    measured: tuple[LayoutTiming, ...]
    reason: str


def choose_layout(
    config: TrialConfig,
    *,
    classes: int,
    device: str,
    threads: int,
    precision: Precision | None = None,
    compiled: bool = False,
) -> LayoutChoice:
    """Time a few training steps of the student on random crops, the layouts in turn, and choose.

    The recommended layout is kept unless another is clearly faster, so that noise does not decide. The process's
    random state and number of threads are left as they were.

    Args:
        config: The configuration whose network and crops are timed: a space's baseline.
        classes: Number of classes.
        device: `cpu` or `cuda`.
        threads: CPU threads of a trial on a CPU.
        precision: The only precision to consider; None for all that the device is made for.
        compiled: Try `torch.compile` with the chosen layout, and keep it where it works and is not slower.

    Raises:
        InputError: If the network can be trained in none of the layouts.
    """
    place = torch.device(device)
    prepare_device(place)
    with _undisturbed(place, threads):
        batch = config.batch_size if place.type == "cuda" else _cpu_batch(config)
        while True:
            try:
                return _choose(_Bench(config, classes, place, batch), precision, compiled=compiled)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if batch <= SMALLEST_BATCH:
                    raise InputError(
                        f"{config.architecture}: {batch} crops of {config.crop_size} px do not fit into the memory "
                        f"of {device}; a smaller crop_size or network would"
                    ) from error
            batch = max(SMALLEST_BATCH, batch // 2)
            if place.type == "cuda":
                torch.cuda.empty_cache()


class _Bench:
    """A network in both memory layouts, its optimisers and one random batch; takes single steps."""

    def __init__(self, config: TrialConfig, classes: int, device: torch.device, batch: int) -> None:
        self.config = config
        self.device = device
        self.batch = batch
        self._classes = classes
        side = config.crop_size
        self._images = torch.randn(batch, 3, side, side, device=device)
        self._target = torch.randint(classes, (batch, side, side), device=device)
        self._weights = torch.ones(classes, device=device)
        self._students: dict[tuple[bool, bool], tuple[Callable[..., Tensor], Optimizer]] = {}

    def seconds(self, layout: ComputeLayout) -> float:
        """Time of one step."""
        network, optimizer = self._student(layout)
        images = self._images.contiguous(memory_format=layout.memory_format)
        scaler = layout.loss_scaler(self.device)
        # One thread's processor time does not count what the machine does besides; of several, the clock tells.
        alone = self.device.type == "cpu" and torch.get_num_threads() == 1
        clock = time.process_time if alone else time.perf_counter
        self._finish()
        began = clock()
        with layout.computing(self.device):
            logits = network(images)
        loss = supervised_loss(logits, self._target, self.config, self._weights).total
        torch.autograd.backward(scaler.scale(loss))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        self._finish()
        return clock() - began

    def _student(self, layout: ComputeLayout) -> tuple[Callable[..., Tensor], Optimizer]:
        # Precisions share a network: they differ in how it is computed, not in how it lies in memory.
        key = (layout.channels_last, layout.compiled)
        if key not in self._students:
            model = create_model(self.config, classes=self._classes).train().to(self.device)
            model = model.to(memory_format=layout.memory_format)
            compilation = Compilation(wanted=layout.compiled)
            network = compilation.compiled(model)
            if compilation.note is not None:
                raise RuntimeError(compilation.note)
            self._students[key] = (network, create_optimizer(self.config, model))
        return self._students[key]

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _choose(bench: _Bench, precision: Precision | None, *, compiled: bool) -> LayoutChoice:
    favourite = recommended_layout(bench.device.type)
    # What the device's hardware multiplies: a precision that is emulated could take minutes for a step.
    precisions = {favourite.precision, "float32"}
    if precision is not None:
        favourite, precisions = replace(favourite, precision=precision), {precision}
    candidates = [
        ComputeLayout(one, channels_last=channels_last) for one in sorted(precisions) for channels_last in (True, False)
    ]
    timings, failures = _timed(bench, sorted(candidates, key=lambda layout: layout != favourite))
    if not timings:
        raise InputError(f"{bench.config.architecture} can't be trained on {bench.device.type}: {failures[0]}")
    chosen, reason = _preferred(timings, favourite)
    if compiled:
        pair, failed = _timed(bench, [chosen.layout, replace(chosen.layout, compiled=True)])
        failures += failed
        if not failed:
            eager, other = pair
            timings.append(other)
            reason += f"; compiled {eager.milliseconds / other.milliseconds:.2f} times as fast"
            chosen = min(eager, other, key=lambda timing: timing.milliseconds)
    return LayoutChoice(
        layout=chosen.layout,
        measured=tuple(sorted(timings, key=lambda timing: timing.milliseconds)),
        reason="; ".join((reason, *(f"left out: {failure}" for failure in failures))),
    )


def _timed(bench: _Bench, candidates: Sequence[ComputeLayout]) -> tuple[list[LayoutTiming], list[str]]:
    """Time candidates in turn, the recommended one first, and say which can't be computed and why."""
    deadline = time.perf_counter() + LONGEST_S
    seconds: dict[ComputeLayout, list[float]] = {}
    failures = []
    for layout in candidates:
        try:
            # The first step chooses algorithms and fills memory pools: it is not timed.
            bench.seconds(layout)
            seconds[layout] = [bench.seconds(layout)]
        except RuntimeError as error:
            # torch's errors, of operators that a device lacks and of a compiler that fails, are all of this kind.
            if is_out_of_memory(error):
                raise
            failures.append(f"{layout_text(layout)} ({_first_line(error)})")
    for turn in range(1, MOST_ROUNDS):
        if turn >= FEWEST_ROUNDS and time.perf_counter() > deadline:
            break
        fastest = min((min(times) for times in seconds.values()), default=0.0)
        for layout, times in seconds.items():
            if layout == candidates[0] or min(times) <= HOPELESS * fastest:
                times.append(bench.seconds(layout))
    timings = [LayoutTiming(layout, 1e3 * min(times), len(times), bench.batch) for layout, times in seconds.items()]
    return timings, failures


def _preferred(timings: Sequence[LayoutTiming], favourite: ComputeLayout) -> tuple[LayoutTiming, str]:
    fastest = min(timings, key=lambda timing: timing.milliseconds)
    expected = next((timing for timing in timings if timing.layout == favourite), None)
    if expected is None:
        return fastest, "the fastest that works"
    gain = expected.milliseconds / fastest.milliseconds
    if gain > CLEARLY_FASTER:
        return fastest, f"{gain:.2f} times as fast as the recommended {layout_text(favourite)}"
    return expected, "as recommended" if fastest is expected else "as recommended; none is clearly faster"


def layout_text(layout: ComputeLayout) -> str:
    """A layout for people."""
    words = [layout.precision, "channels last" if layout.channels_last else "channels first"]
    return ", ".join([*words, "compiled"] if layout.compiled else words)


def _cpu_batch(config: TrialConfig) -> int:
    return max(SMALLEST_BATCH, min(config.batch_size, CPU_BATCH_PIXELS // config.crop_size**2))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _undisturbed(device: torch.device, threads: int) -> Iterator[None]:
    """Compute with so many threads and a seed of its own, and leave the process as it was."""
    before = torch.get_num_threads()
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        if device.type == "cpu":
            torch.set_num_threads(max(1, threads))
        try:
            yield
        finally:
            torch.set_num_threads(before)
