"""The fresh process in which `analysis.costs` measures one network in one runtime.

It answers questions one after the other and idles between them, so that several can be measured in turn. People use
`python -m analysis.benchmark`. No torch here: a runtime without it must not be charged for its memory.
"""

import importlib
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.energy import EnergyMeter
from analysis.measuring_process import answer_questions
from spaces.configuration import TrialConfig
from trainables.compute.process_memory import peak_process_memory_mb
from trainables.runtimes.names import RUNTIME_KINDS
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles, Runtime

WARMUP_BLOCK = 5
WARMUP_TOLERANCE = 0.05
"""Warm-up ends when the median of a block of runs is within this share of the block before."""

FEWEST_RUNS = 5
"""However long they take."""


class Measurement:
    """The runtime that this process measures; each public method answers one question."""

    def __init__(self) -> None:
        self._runtime: Runtime
        self._images: dict[int, Any] = {}

    def __call__(self, *, do: str, **details: Any) -> dict[str, Any]:
        """Answer a question, the name of a method and its arguments."""
        answers: dict[str, Callable[..., dict[str, Any]]] = {
            "open": self.open,
            "time": self.time,
            "time_whole": self.time_whole,
            "memory": self.memory,
            "train": train,
        }
        return answers[do](**details)

    def open(
        self, *, runtime: str, folder: str, config: dict[str, Any], classes: int, longest_s: float, **circumstances: Any
    ) -> dict[str, Any]:
        """Load, compile, run once, warm up: what each took, and the memory that the bare runtime had needed."""
        importlib.import_module(RUNTIME_KINDS[runtime].module)
        files = NetworkFiles(Path(folder), TrialConfig.model_validate(config), classes)
        self._runtime = create_runtime(runtime, files, Circumstances(**circumstances))
        self._meter = EnergyMeter(circumstances["device"])
        self._side = files.config.crop_size
        runtime_memory = peak_process_memory_mb()
        load = _seconds(self._runtime.load)
        compiling = _seconds(self._runtime.compile)
        self._runtime.reset_device_peak()
        one = self._batch(1)
        first = self._runtime.milliseconds(one)
        self._warm_up(longest_s)
        return {
            "load_s": load,
            "compile_s": compiling,
            "first_inference_ms": first,
            "runtime_memory_mb": runtime_memory,
            "threads": self._runtime.threads(),
        }

    def time(self, *, batch: int, samples: int, longest_s: float) -> dict[str, Any]:
        """Time single runs, ms, and the energy of all of them, J.

        The first run after a pause is not counted. A batch that memory does not suffice for has no timings.
        """
        try:
            placed = self._batch(batch)
            self._runtime.milliseconds(placed)
            before = self._meter.read_joules()
            timings = timed(lambda: self._runtime.milliseconds(placed), samples, longest_s)
        except Exception as error:
            if batch == 1 or not _says_out_of_memory(error):
                raise
            return {"ms": [], "joules": None}
        return {"ms": timings, "joules": self._meter.joules_since(before)}

    def time_whole(self, *, samples: int, longest_s: float) -> dict[str, Any]:
        """Time from an encoded image to an encoded mask, ms: decode, normalise, network, choose classes, encode."""
        photo = _encoded_photo(self._side)

        def once() -> float:
            started = time.perf_counter()
            self._mask_of(photo)
            return (time.perf_counter() - started) * 1e3

        once()
        return {"ms": timed(once, samples, longest_s)}

    def memory(self) -> dict[str, Any]:
        """Peak memory so far, MB, of the process and of the device."""
        return {"process_mb": peak_process_memory_mb(), "device_mb": self._runtime.device_peak_mb()}

    def _batch(self, size: int) -> Any:
        if size not in self._images:
            images = np.random.default_rng(0).standard_normal((size, 3, self._side, self._side), dtype=np.float32)
            self._images = {size: self._runtime.place(images)}
        return self._images[size]

    def _warm_up(self, longest_s: float) -> None:
        warm_up(lambda: self._runtime.milliseconds(self._batch(1)), longest_s)

    def _mask_of(self, photo: bytes) -> bytes:
        from PIL import Image

        from trainables.data.image_files import decode_image

        pixels = decode_image(photo, Path("photo.jpg"))
        output = self._runtime.run(self._runtime.place_pixels(pixels[None]))
        encoded = io.BytesIO()
        Image.fromarray(self._runtime.classes(output)[0]).save(encoded, format="PNG")
        return encoded.getvalue()


def train(
    *, config: dict[str, Any], classes: int, device: str, layout: str, threads: int | None, batch: int, quick: bool
) -> dict[str, Any]:
    """Measure training steps instead of a runtime; see `analysis.training_costs`."""
    from analysis.training_costs import measure_training

    return measure_training(
        TrialConfig.model_validate(config),
        classes=classes,
        device=device,
        layout=layout,
        threads=threads,
        batch=batch,
        quick=quick,
    )


def warm_up(milliseconds: Callable[[], float], longest_s: float) -> None:
    """Run until the median of a block is that of the block before, or time is up."""
    deadline = time.perf_counter() + longest_s
    previous = float("nan")  # agrees with nothing, so that two blocks are run at least
    while time.perf_counter() < deadline:
        current = statistics.median(timed(milliseconds, WARMUP_BLOCK, longest_s))
        if abs(current - previous) <= WARMUP_TOLERANCE * previous:
            return
        previous = current


def timed(milliseconds: Callable[[], float], samples: int, longest_s: float) -> list[float]:
    """Time single runs, ms: `samples` of them, or as many as fit in `longest_s`, but at least a few."""
    deadline = time.perf_counter() + longest_s
    timings: list[float] = []
    while len(timings) < samples and (len(timings) < min(samples, FEWEST_RUNS) or time.perf_counter() < deadline):
        timings.append(milliseconds())
    return timings


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _says_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "allocate" in text or "bad_alloc" in text)


def _encoded_photo(side: int) -> bytes:
    """A JPEG with the detail of a photo: smooth shapes under some noise, always the same."""
    from PIL import Image

    generator = np.random.default_rng(0)
    coarse: NDArray[np.uint8] = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
    noisy = (smooth + generator.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noisy).save(encoded, format="JPEG", quality=90)
    return encoded.getvalue()


if __name__ == "__main__":
    answer_questions(Measurement())
