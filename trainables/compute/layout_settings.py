"""A compute layout and how it was chosen, as settings.json keeps them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from trainables.compute.layout_measurement import LayoutChoice
    from trainables.compute.precision import ComputeLayout


class LayoutTimed(BaseModel):
    """What a training step took in one layout, as `trainables.compute.layout_measurement.LayoutTiming` says it.

    Attributes:
        precision: Number format of the convolutions.
        channels_last: Memory layout.
        compiled: Whether through `torch.compile`.
        milliseconds: Of a step.
        steps: Steps that were timed.
        batch: Crops of a step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Literal["float32", "bfloat16", "float16"]
    channels_last: bool
    compiled: bool
    milliseconds: float
    steps: int
    batch: int


class LayoutSettings(BaseModel):
    """How a training computes, as it was measured at the start.

    Attributes:
        precision: Number format of the convolutions.
        channels_last: Memory layout.
        compiled: Whether through `torch.compile`.
        reason: Why, for people.
        measured: All layouts that were timed, the fastest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: Literal["float32", "bfloat16", "float16"]
    channels_last: bool
    compiled: bool
    reason: str
    measured: tuple[LayoutTimed, ...]

    @classmethod
    def of(cls, choice: "LayoutChoice") -> Self:
        """Write a choice down."""
        return cls(
            **asdict(choice.layout),
            reason=choice.reason,
            measured=tuple(
                LayoutTimed(
                    **asdict(timing.layout),
                    milliseconds=round(timing.milliseconds, 3),
                    steps=timing.steps,
                    batch=timing.batch,
                )
                for timing in choice.measured
            ),
        )

    def compute_layout(self) -> "ComputeLayout":
        """The layout as trials take it; imports torch."""
        from trainables.compute.precision import ComputeLayout

        return ComputeLayout(self.precision, channels_last=self.channels_last, compiled=self.compiled)

    def line(self) -> str:
        """The layout for people, with why it was chosen."""
        words = [self.precision, "channels last" if self.channels_last else "channels first"]
        if self.compiled:
            words.append("compiled")
        return f"{', '.join(words)} ({self.reason})"
