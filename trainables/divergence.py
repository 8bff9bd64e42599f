"""The end of a training whose numbers are no longer numbers."""


class DivergedError(Exception):
    """A loss or a prediction became NaN or infinite.

    Attributes:
        step: Optimiser steps that were done before it was seen.
    """

    def __init__(self, step: int, what: str = "loss") -> None:
        super().__init__(step, what)
        self.step = step
        self.what = what

    def __str__(self) -> str:
        return f"the {self.what} is not finite at step {self.step}"
