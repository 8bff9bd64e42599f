"""What is to be measured, and for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.data.trained_on import TrainedOn
from trainables.runtimes.names import EAGER, FLOAT32, INT8, Variant

PLAIN = Variant(EAGER, FLOAT32)
CPU_TRAIN_BATCH = 2
"""The smallest batch that every architecture can train on; the recipe's batches take minutes on a CPU."""


@dataclass(frozen=True, slots=True)
class MeasuredNetwork:
    """A network to measure.

    Attributes:
        name: What people call it; no two in a measurement are alike.
        config: Its configuration.
        classes: Its number of classes.
        checkpoint: File with its weights, if any, and
        class_names: the classes that it was trained on, and
        trained_on: the data and the split; None where the checkpoint does not tell.
    """

    name: str
    config: TrialConfig
    classes: int
    checkpoint: Path | None = None
    class_names: tuple[str, ...] = ()
    trained_on: TrainedOn | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationData:
    """Whose training images calibrate int8, and whose validation part says what a precision loses.

    Attributes:
        source: Fields of `trainables.data.opening.DataSource`.
        split_by: "auto", "photo" or "capture"; None for what the checkpoint says, else "auto".
        split_seed: Seed of the split; None for what the checkpoint says, else 0.
        windows: Evaluate at most this many windows; None for all.
    """

    source: Mapping[str, Any] = field(default_factory=dict)
    split_by: str | None = None
    split_seed: int | None = None
    windows: int | None = None

    def split_for(self, network: MeasuredNetwork) -> dict[str, Any]:
        """`split_by` and `split_seed` for a network."""
        known = network.trained_on
        by, seed = ("auto", 0) if known is None else (known.split_by, known.split_seed)
        return {
            "split_by": by if self.split_by is None else self.split_by,
            "split_seed": seed if self.split_seed is None else self.split_seed,
        }

    def check(self, networks: Sequence[MeasuredNetwork]) -> None:
        """See, before anything is measured, that the data can be read and are those of the checkpoints.

        A checkpoint that does not tell its data must at least have their classes.

        Raises:
            InputError: They can't or have not.
        """
        from trainables.data.opening import DataSource

        dataset = DataSource(**self.source).open()
        names = tuple(dataset.classes.names)
        for network in networks:
            if network.checkpoint is not None and network.class_names != names:
                raise InputError(
                    f"--checkpoint {network.checkpoint}: knows the classes {', '.join(network.class_names)}, the data "
                    f"have {', '.join(names)}; right is --data with what it was trained on"
                )
            if network.trained_on is not None and network.trained_on.fingerprint != dataset.fingerprint:
                raise InputError(
                    f"--checkpoint {network.checkpoint}: was not trained on {dataset.description}, but on data with "
                    f"the fingerprint {network.trained_on.fingerprint[:16]}; right is --data with these"
                )


LONGEST_TURN_S = 600.0
"""However many samples are asked for; `analysis.measuring_process` ends what takes longer still."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """What is measured, and for how long.

    Attributes:
        device: "cpu", "cuda" or "cuda:N".
        layout: Memory layout, where the runtime leaves the choice.
        threads: CPU threads within one operator; None for PyTorch's choice, in every runtime.
        variants: Runtimes and precisions.
        samples: Timings of one image, over all rounds.
        rounds: How often every process has its turn.
        turn_longest_s: A turn ends after this, with at least a few timings.
        warm_up_longest_s: As does warming up.
        whole_samples: Timings from file to mask, over all rounds.
        batches: Batch sizes for the throughput.
        batch_runs: Runs of each batch size in each round of them.
        train_batch: Images of a training step; None for no training.
        data: For int8, and for the loss of mIoU.
        accuracy: Whether networks with a checkpoint are evaluated in every variant.
    """

    device: str
    layout: str
    threads: int | None
    variants: tuple[Variant, ...] = (PLAIN,)
    samples: int
    rounds: int
    turn_longest_s: float
    warm_up_longest_s: float
    whole_samples: int
    batches: tuple[int, ...]
    batch_runs: int
    train_batch: int | None
    data: CalibrationData = CalibrationData()
    accuracy: bool = False

    @property
    def reads_data(self) -> bool:
        """Whether anything is calibrated or evaluated."""
        return self.accuracy or any(variant.precision == INT8 for variant in self.variants)

    @classmethod
    def of(cls, device: str, *, quick: bool, layout: str, threads: int | None, **changes: Any) -> "Protocol":
        """The quick protocol or the full one.

        Args:
            device: As the attribute.
            quick: Fewer timings, fewer batch sizes, no training step.
            layout: As the attribute.
            threads: As the attribute.
            changes: Other attributes that shall differ.
        """
        cpu = device == "cpu"
        if quick:
            sizes: dict[str, Any] = {
                "samples": 20,
                "rounds": 2,
                "warm_up_longest_s": 3.0,
                "whole_samples": 4,
                "batches": (1, 4) if cpu else (1, 16),
                "batch_runs": 3,
                "train_batch": None,
            }
        else:
            sizes = {
                "samples": 100,
                "rounds": 5,
                "warm_up_longest_s": 10.0,
                "whole_samples": 40,
                "batches": (1, 2, 4, 8) if cpu else (1, 8, 16, 32, 64),
                "batch_runs": 4,
                "train_batch": CPU_TRAIN_BATCH if cpu else 0,
            }
        asked = {**sizes, **changes}
        # More samples get more time: else a thousand would never be reached, and there would be no p99.
        share, sample_s = -(-asked["samples"] // asked["rounds"]), 0.2 if quick else 0.4
        asked.setdefault("turn_longest_s", min(LONGEST_TURN_S, sample_s * max(share, 10 if quick else 20)))
        return cls(device=device, layout=layout, threads=threads, **asked)


RECIPE_BATCH = 0
"""As `Protocol.train_batch`: each configuration's own batch size."""
