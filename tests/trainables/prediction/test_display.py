import io
import sys

import pytest
from rich.console import Console

from trainables.prediction.display import PredictionDisplay


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("errors", [io.StringIO, Terminal])
def test_failures_reach_standard_error_even_beside_a_bar(
    errors: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", errors())
    monkeypatch.setenv("TERM", "xterm")
    assert Console().is_terminal
    out, err = sys.stdout, sys.stderr
    display = PredictionDisplay(1)
    with display.showing():
        display.failed("photo.png: damaged")
    # A bar on the same terminal would be torn by what does not go through it.
    shown = out if isinstance(err, Terminal) else err
    assert isinstance(shown, io.StringIO)
    assert "failed: photo.png: damaged" in shown.getvalue()
