"""What every way of proposing configurations can do."""

from typing import Protocol

from spaces.configuration import TrialConfig


class Proposer(Protocol):
    """Proposes configurations of one space."""

    def propose(self, number: int, attempt: int) -> TrialConfig:
        """Propose a configuration.

        It follows from the arguments and from what the study holds, so that a resumed search proposes as one that was
        never interrupted.

        Args:
            number: Trials of the space before it.
            attempt: From 0 on: how often this trial's proposal was one that had been tried before.
        """
        ...
