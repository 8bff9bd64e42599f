import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.contender_names import CONTENDERS
from benchmarks.training_step import main
from spaces.errors import InputError


@pytest.mark.slow
def test_all_contenders_are_timed_and_their_ratios_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "step.json"
    assert main(["--quick", "--models", "unet", "--workers", "0", "--json", str(target)]) == 0
    written = json.loads(target.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert [row["contender"] for row in written["rows"]] == list(CONTENDERS)
    assert all(row["steps/s"] > 0 and row["peak memory MB"] > 100 for row in written["rows"])
    assert all(row["images/s"] == pytest.approx(4 * row["steps/s"]) for row in written["rows"])
    assert written["findings"]["unet_plain_recipe_over_trainer"] > 0
    assert all(name in printed for name in CONTENDERS)


@pytest.mark.parametrize(
    "words", [["--models", "resnet"], ["--size", "100"], ["--batch", "1"], ["--workers", "-1"], ["--block", "0"]]
)
def test_what_can_not_be_measured_is_refused(words: list[str]) -> None:
    with pytest.raises(InputError):
        main([*words, "--quick"] if words[0] not in {"--size", "--batch"} else words)


def test_help_needs_no_torch() -> None:
    code = (
        "import runpy, sys; sys.argv[1:] = ['--help']\n"
        "try: runpy.run_module('benchmarks.training_step', run_name='__main__')\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "--peak-of" not in done.stdout
    assert "--rounds" in done.stdout
    assert done.stderr.strip() == "False"
