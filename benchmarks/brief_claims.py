"""Four claims about the light model against the heavy one, each confirmed or corrected on this device.

    python -m benchmarks.brief_claims

UNet on MobileNetV2 is said to be 11 times lighter than DeepLabV3+ on ResNet50, to train twice as fast, to need half
the memory and to predict three times as fast. Eager PyTorch, float32; training at equal batch sizes and, with
`--recipe`, at those of the recipe (12 and 8), where a training step of each takes different numbers of images.
"""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

if TYPE_CHECKING:
    from analysis.costs import NetworkCosts

CONFIRMED_FROM = 0.8
CONFIRMED_TO = 1.25
"""A claim is confirmed where the measured ratio is within this share of it."""


def main(words: Sequence[str]) -> int:
    """Measure, print the table."""
    options = _options(words)
    from analysis.benchmark import find_networks
    from analysis.cost_protocol import measure_networks, tell
    from analysis.cost_settings import RECIPE_BATCH, Protocol

    networks = find_networks("unet,deeplabv3plus", [], classes=7, size=64 if options.quick else 256)
    batches = [("equal batches", options.batch), *([("the recipe's batches", RECIPE_BATCH)] if options.recipe else [])]
    rows: list[dict[str, Any]] = []
    for title, batch in batches:
        protocol = Protocol.of(
            options.device,
            quick=options.quick,
            layout="channels_last",
            threads=options.threads if options.device == "cpu" else None,
            train_batch=batch,
        )
        (_, light), (_, heavy) = measure_networks(networks, protocol, announce=tell)
        if not rows:
            rows += [
                _row("11 times lighter", "parameters", 11, heavy.parameters / light.parameters),
                _row("3 times faster inference", "batch 1, p50", 3, heavy.latency_ms_p50 / light.latency_ms_p50),
                _row(
                    "3 times faster inference",
                    f"images/s at batches {light.throughput_batch_size} and {heavy.throughput_batch_size}",
                    3,
                    light.throughput_img_s / heavy.throughput_img_s,
                ),
                _row("half the memory", "predicting, process", 2, _ratio(heavy, light, "peak_process_memory_mb")),
                _row("half the memory", "predicting, device", 2, _ratio(heavy, light, "device_memory_mb")),
            ]
        how = f"{title} of {light.train_batch_size} and {heavy.train_batch_size}"
        images = _images_per_second(light) / _images_per_second(heavy)
        rows.append(
            _row("2 times faster training", f"steps/s, {how}", 2, _ratio(light, heavy, "train_steps_per_second"))
        )
        rows.append(_row("2 times faster training", f"images/s, {how}", 2, images))
        whose = "process" if options.device == "cpu" else "device"
        rows.append(
            _row("half the memory", f"training, {whose}, {how}", 2, _ratio(heavy, light, "train_peak_memory_mb"))
        )
        if options.device == "cpu":
            rows.append(_row("half the memory", f"training, device, {how}", 2, None))
    report(f"UNet against DeepLabV3+ on {light.device}, {light.threads} threads", rows, options)
    return EXIT_DONE


def _row(claim: str, how: str, claimed: float, measured: float | None) -> dict[str, Any]:
    if measured is None:
        verdict = "not measured"
    else:
        near = CONFIRMED_FROM * claimed <= measured <= CONFIRMED_TO * claimed
        verdict = "confirmed" if near else f"corrected: {measured:.1f}"
    return {"claim": claim, "measured as": how, "claimed": claimed, "measured": measured, "verdict": verdict}


def _ratio(above: "NetworkCosts", below: "NetworkCosts", name: str) -> float | None:
    one, other = getattr(above, name), getattr(below, name)
    return None if one is None or other is None else one / other


def _images_per_second(costs: "NetworkCosts") -> float:
    if costs.train_steps_per_second is None or costs.train_batch_size is None:
        raise ValueError("no training was measured")
    return costs.train_steps_per_second * costs.train_batch_size


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("brief_claims", "The light model against the heavy one: four claims, measured here.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=positive, default=2, help="CPU threads that compute")
    parser.add_argument("--batch", type=positive, default=4, help="images of a training step, equal for both")
    parser.add_argument("--recipe", action="store_true", help="train at the recipe's batch sizes, too; slow on a CPU")
    return parser.parse_args(words)


if __name__ == "__main__":
    run_command(main)
