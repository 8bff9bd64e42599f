import subprocess
import sys

import pytest

from spaces.command_line import run_command
from spaces.errors import InputError


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("--x 3: must be\nbelow 2"), 2, "error: --x 3: must be below 2\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (ValueError("broke"), 1, "failed: ValueError: broke (--debug shows where)\n"),
    ],
)
def test_each_ending_has_its_exit_code_and_one_line(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(words: object) -> int:
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(main, [])
    assert caught.value.code == code
    assert capsys.readouterr().err == told


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main(words: object) -> int:
        raise InputError("wrong")

    with pytest.raises(SystemExit):
        run_command(main, ["--debug"])
    assert "Traceback" in capsys.readouterr().err


COMMANDS = ("search.run", "search.ui", "analysis.report", "analysis.benchmark", "trainables.data")
HEAVY = ("torch", "ray", "mlflow", "optuna", "albumentations", "segmentation_models_pytorch", "pandas", "plotly")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_at_once_and_loads_nothing_heavy(command: str) -> None:
    listing = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module({command!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as stop:\n"
        "    print('EXIT', stop.code)\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, timeout=60, check=False)

    assert "EXIT 0" in done.stdout, done.stderr
    assert "HEAVY []" in done.stdout
