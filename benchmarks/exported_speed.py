"""What exporting is worth: our networks in OpenVINO and ONNX Runtime against eager PyTorch in float32, on a CPU.

    python -m benchmarks.exported_speed --checkpoint runs/NAME/trials/.../best.pt --data DIR

All are measured in one run and in turn: SMP's own UNet-MobileNetV2 eagerly, our UNet exported, DeepLabV3+ eagerly and
exported. With `--checkpoint`, once for each network, int8 is calibrated and the loss of mIoU of every way is measured
on the checkpoint's data; without, weights are freshly drawn, which costs the same, and no loss is measured.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

LEAST_SPEED_UP = 5.0
MOST_POINTS_LOST = 0.2


def main(words: Sequence[str]) -> int:
    """Measure, print the table and whether the goals are met."""
    options = _options(words)
    from analysis.benchmark import find_networks
    from analysis.cost_protocol import measure_networks, tell
    from analysis.cost_settings import CalibrationData, Protocol
    from trainables.runtimes.names import variants_of

    size = 64 if options.quick else 256
    models = "unet" if options.quick else "unet,deeplabv3plus"
    networks = find_networks(None if options.checkpoint else models, options.checkpoint, classes=7, size=size)
    variants = variants_of("torch_eager,onnx_runtime,openvino", "float32,bfloat16,int8", device="cpu")
    protocol = Protocol.of(
        "cpu",
        quick=options.quick,
        layout="channels_last",
        threads=options.threads,
        variants=variants,
        train_batch=None,
        batches=(1,),
        data=CalibrationData(source={"root": options.data}, split_by=options.split_by, split_seed=options.seed),
        accuracy=bool(options.checkpoint),
    )
    plain_smp = _smp_milliseconds(size, protocol.samples, options.threads)
    measured = measure_networks(networks, protocol, announce=tell)
    # Before and after, since it can't take turns with the others: the faster of the two, to its own advantage.
    plain_smp = min(plain_smp, _smp_milliseconds(size, protocol.samples, options.threads))
    rows: list[dict[str, Any]] = [{"network": "SMP's UNet", "runtime": "PyTorch eager float32", "p50 ms": plain_smp}]
    findings: dict[str, Any] = {}
    eager: dict[str, float] = {}
    for network, costs in measured:
        way = f"{costs.runtime} {costs.precision}"
        if way == "PyTorch eager float32":
            eager[network.name] = costs.latency_ms_p50
        base = plain_smp if costs.architecture == "unet" else eager[network.name]
        rows.append(
            {
                "network": network.name,
                "runtime": way,
                "p50 ms": costs.latency_ms_p50,
                "file to mask ms": costs.whole_ms_p50,
                "times as fast": base / costs.latency_ms_p50,
                "mIoU lost, points": costs.miou_loss,
                "memory MB": costs.peak_memory_mb,
                "exported MB": costs.exported_mb,
                "disturbed": costs.disturbed or None,
            }
        )
    for name in dict.fromkeys(network.name for network, _ in measured):
        best = max(
            (row for row in rows if row["network"] == name and keeps_score(row)), key=lambda row: row["times as fast"]
        )
        findings[f"{name}_best"] = f"{best['runtime']}, {best['times as fast']:.2f} times as fast"
        findings[f"{name}_at_least_{LEAST_SPEED_UP:g}_times"] = best["times as fast"] >= LEAST_SPEED_UP
    report(f"One image of {size} px, {options.threads} threads", rows, options, **findings)
    return EXIT_DONE


def keeps_score(row: dict[str, Any]) -> bool:
    """Whether a row may be claimed: where its loss is known it must be small, and that of int8 must be known."""
    lost = row["mIoU lost, points"]
    return not row["runtime"].endswith("int8") if lost is None else bool(lost <= MOST_POINTS_LOST)


def _smp_milliseconds(size: int, samples: int, threads: int) -> float:
    """Median time of SMP's own UNet-MobileNetV2, eager float32, in a fresh process."""
    from analysis.measuring_process import MeasuringProcess

    with MeasuringProcess("benchmarks.smp_unet_timing") as process:
        return float(process.ask(size=size, samples=samples, threads=threads)["p50"])


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("exported_speed", "Exported networks against eager PyTorch, on this CPU.")
    parser.add_argument("--threads", type=positive, default=2, help="threads that compute")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="best weights; may be repeated")
    parser.add_argument("--data", metavar="DIR", help="the checkpoint's data (the built-in data)")
    parser.add_argument("--split-by", choices=("auto", "photo", "capture"), help="what the checkpoint says")
    parser.add_argument("--seed", type=int, help="seed of that split (what the checkpoint says)")
    return parser.parse_args(words)


if __name__ == "__main__":
    run_command(main)
