"""What a network costs to run: the figures, and how one network is measured as searches do it.

`analysis.cost_protocol` measures; this is its result. The search's own figures are those of eager PyTorch in float32.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from analysis.tables import COST_COLUMNS
from spaces.configuration import TrialConfig

Layout = Literal["channels_last", "contiguous"]


@dataclass(frozen=True, kw_only=True)
class NetworkCosts:
    """Costs of one network in one runtime on one device. A megabyte is 1e6 bytes.

    Intervals are exact ones of 95 % (`analysis.quantile_intervals`); an end is None where there are too few samples.
    None elsewhere means not measured.

    Attributes:
        architecture: Registered name of the model.
        encoder: Name of its encoder.
        input_size: Side of the square input, px.
        classes: Number of classes.
        parameters: Number of weights, buffers excluded.
        macs: Multiply-accumulates for one image: half of what `torch.utils.flop_counter` counts. Operators
            that it does not know, such as batch norm, ReLU and interpolation, count as zero.
        checkpoint_mb: Size of the serialised weights and buffers, MB.
        exported_mb: Size of the files that the runtime reads, where they are no checkpoint, MB.
        latency_ms_p50: Median time of one image at batch 1, ms; the network alone, its input lying ready.
        latency_ms_p50_low: Lower end of its interval.
        latency_ms_p50_high: Upper end.
        latency_ms_p90: Nine of ten images take at most this, ms.
        latency_ms_p90_low: Lower end of its interval.
        latency_ms_p90_high: Upper end.
        latency_ms_p99: 99 of 100; None for fewer than 1,000 samples.
        latency_samples: Number of timings behind them.
        disturbed: Why the timings say that something else ran on the machine; empty where they do not.
        whole_ms_p50: Median time from an encoded image (JPEG of the input's size) to an encoded mask (PNG), ms.
        whole_ms_p50_low: Lower end of its interval.
        whole_ms_p50_high: Upper end.
        whole_ms_p90: Its 90th percentile.
        throughput_img_s: Images per second at the best of the batch sizes tried.
        throughput_batch_size: That batch size.
        load_s: Reading the network from disk, s.
        compile_s: What the runtime does before the first image, s.
        first_inference_ms: The first image, which holds what runtimes compile only then, ms.
        peak_memory_mb: Inference at batch 1. CPU: peak resident memory of the whole process, Python, the runtime and
            the other libraries (`runtime_memory_mb`) included. CUDA: most memory that PyTorch allocated.
        peak_process_memory_mb: Peak resident memory of the process on any device.
        device_memory_mb: Most memory of a CUDA device.
        runtime_memory_mb: Peak resident memory of the process before it read the network, MB.
        energy_j: Energy of processor package or GPU per image at batch 1, J; None where the machine does not tell it.
        train_peak_memory_mb: As `peak_memory_mb`, for one training step (forward, backward, SGD with momentum) at
            `train_batch_size`, in a process of its own, eager float32.
        train_batch_size: Images in that training step.
        train_steps_per_second: Such steps per second.
        miou: Foreground mIoU on the validation part, where weights and data were given.
        miou_loss: That of eager float32 less this one, in points.
        iou_loss: The same for each class, by metric name.
        device: The device, in words.
        runtime: What ran the network.
        precision: Of weights and activations.
        layout: "channels_last" or "contiguous" (NCHW); for runtimes that choose themselves, "own".
        threads: CPU threads the runtime used within one operator.
        torch_version: Version of PyTorch.
        runtime_version: Version of the runtime's package.
    """

    architecture: str
    encoder: str
    input_size: int
    classes: int
    parameters: int
    macs: int
    checkpoint_mb: float
    exported_mb: float | None = None
    latency_ms_p50: float
    latency_ms_p50_low: float | None = None
    latency_ms_p50_high: float | None = None
    latency_ms_p90: float
    latency_ms_p90_low: float | None = None
    latency_ms_p90_high: float | None = None
    latency_ms_p99: float | None = None
    latency_samples: int
    disturbed: str = ""
    whole_ms_p50: float | None = None
    whole_ms_p50_low: float | None = None
    whole_ms_p50_high: float | None = None
    whole_ms_p90: float | None = None
    throughput_img_s: float
    throughput_batch_size: int
    load_s: float | None = None
    compile_s: float | None = None
    first_inference_ms: float | None = None
    peak_memory_mb: float
    peak_process_memory_mb: float | None = None
    device_memory_mb: float | None = None
    runtime_memory_mb: float
    energy_j: float | None = None
    train_peak_memory_mb: float | None = None
    train_batch_size: int | None = None
    train_steps_per_second: float | None = None
    miou: float | None = None
    miou_loss: float | None = None
    iou_loss: dict[str, float] = field(default_factory=dict)
    device: str
    runtime: str
    precision: str
    layout: str
    threads: int
    torch_version: str
    runtime_version: str = ""

    def as_dict(self) -> dict[str, Any]:
        """All fields, as plain values."""
        return asdict(self)

    def columns(self) -> dict[str, float]:
        """The columns of `analysis.tables.COST_COLUMNS`, as a trial's row holds them."""
        return {name: float(getattr(self, name)) for name in COST_COLUMNS}


def measure_costs(
    config: TrialConfig,
    *,
    classes: int,
    device: str = "cpu",
    quick: bool = False,
    layout: Layout = "channels_last",
    threads: int | None = None,
) -> NetworkCosts:
    """Measure the network of a configuration in eager PyTorch, float32, in fresh processes.

    Args:
        config: Decides the network; its `crop_size` is the side of the input.
        classes: Number of classes.
        device: "cpu" or "cuda" (also "cuda:1").
        quick: Fewer timings, fewer batch sizes, and no training step: seconds instead of tens of seconds.
        layout: Memory layout of weights and images.
        threads: CPU threads within one operator; PyTorch's own choice by default, which OMP_NUM_THREADS sets.

    Raises:
        RuntimeError: The process failed, for example because memory ran out; its last line says why.
    """
    from analysis.cost_protocol import measure_networks
    from analysis.cost_settings import MeasuredNetwork, Protocol

    protocol = Protocol.of(device, quick=quick, layout=layout, threads=threads)
    ((_, costs),) = measure_networks([MeasuredNetwork(config.architecture, config, classes)], protocol)
    return costs
