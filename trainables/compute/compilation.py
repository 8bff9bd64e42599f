"""`torch.compile` for a trial's networks, and training without it where it does not work."""

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[..., Tensor]

LONGEST_REASON = 200
"""Characters of an error's message that are kept: compilers say much."""


class Compilation:
    """Compiles functions, and stops using what it compiled once that has failed.

    A compiler may be missing, or an operator unsupported, and this shows only when a function is called or its gradient
    is taken. Whoever calls one therefore reports errors to `gave_up` and, if the answer is yes, tries again: from then
    on all functions run as they are.

    Each size of crops and batches is compiled by itself when it first comes, up to torch's limit of variants of one
    function (8); further sizes run as they are. Code for variable sizes would do with one compilation, but torch's CPU
    compiler fails on that of some networks here, and what it makes depends on the sizes that came first.

    Attributes:
        active: Whether compiled functions are used.
        note: One line saying why no longer; None as long as nothing failed.
    """

    active: bool
    note: str | None

    def __init__(self, *, wanted: bool) -> None:
        self.active = wanted
        self.note = None
        if wanted:
            # Code is kept per function for all models of a process, up to a limit that earlier trials used up.
            torch.compiler.reset()

    def compiled(self, function: Function) -> Function:
        """A function that calls another one, compiled as long as that works.

        Args:
            function: A module or a method of one. Its parameters and their names stay as they are.
        """
        if not self.active:
            return function
        try:
            fast = torch.compile(function, dynamic=False)
        except RuntimeError as error:  # a platform without any support
            self.gave_up(error)
            return function

        def call(*arguments: object) -> Tensor:
            return (fast if self.active else function)(*arguments)

        return call

    def gave_up(self, error: Exception) -> bool:
        """Whether an error may be the compiler's, so that the call is worth repeating without it."""
        if not self.active:
            return False
        self.active = False
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        self.note = f"not compiled: {reason[:LONGEST_REASON]}"
        return True
