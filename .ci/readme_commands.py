"""Run the commands that README.md and docs/ show, so that none of them is wrong.

Every line of a ```bash block is a command. Searches and trainings are cut to tiny sizes, and the reader's own paths are
replaced by real ones; blocks marked ```console or ```powershell are for people and are not run. A ```yaml block with a
name is a space, and lies as NAME.yaml where the commands run.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPACE_FILE = re.compile(r"^```yaml\n(extends: \S+\nname: (\S+)\n.*?)^```", re.MULTILINE | re.DOTALL)
TINY = "--trials 2 --max-steps 4 --eval-every 2 --finalist-seeds 1"
TINY_TRAINING = "--max-steps 4 --eval-every 2 --validation-windows 8"
PHOTOS = next((path for path in sorted(Path(os.environ.get("SEGPARETO_DATA", "")).glob("*/images"))), Path())
OWN_PATHS = {
    "path/to/photos": str(PHOTOS),
    "path/to/data": os.environ.get("SEGPARETO_DATA", ""),
    "path/to/mobilenet_v2.pt": os.environ.get("SEGPARETO_WEIGHTS", "") + "/mobilenet_v2_imagenet.pt",
}
ONLY_HELP = ("search.ui", "search.stop")
"""Commands that serve until they are stopped, or need a search that runs; their --help is run instead."""


def commands(document: Path) -> list[str]:
    """The commands of a document, in order; a line that ends with a backslash goes on in the next."""
    text = document.read_text(encoding="utf-8")
    lines = "\n".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def tiny(command: str) -> str:
    """The command at a size for CI."""
    for shown, real in OWN_PATHS.items():
        command = command.replace(shown, real)
    parts = []
    for part in command.split(" && "):
        if any(command_name in part for command_name in ONLY_HELP):
            parts.append(part.split(" --")[0] + " --help")
        elif "search.run" in part and "--resume" not in part and "--dry-run" not in part:
            parts.append(f"{part} {TINY}")
        elif "trainables.train " in part and "--resume" not in part:
            parts.append(f"{part} {TINY_TRAINING}")
        else:
            parts.append(part)
    command = " && ".join(parts)
    return re.sub(
        r'pip install -e "?\.(\[\w+\])?"?', lambda found: f'pip install -q -e "{ROOT}{found[1] or ""}"', command
    )


def run(command: str, folder: Path) -> None:
    """Run a command; a failure ends everything with its exit code."""
    print(f"\n+ {command}", flush=True)
    began = time.monotonic()
    done = subprocess.run(command, shell=True, cwd=folder, check=False)  # noqa: S602 - our own documents
    print(f"  exit {done.returncode} after {time.monotonic() - began:.0f} s", flush=True)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Run the README's tests, or all other commands of README and docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--only-tests", action="store_true")
    group.add_argument("--all-but-tests", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the commands run")
    options = parser.parse_args()
    readme = commands(ROOT / "README.md")
    tests = [command for command in readme if "pytest" in command]
    if not tests:
        sys.exit("README.md shows no test command")
    if options.only_tests:
        for command in tests:
            run(command, ROOT)
        return
    folder = options.folder or ROOT
    folder.mkdir(parents=True, exist_ok=True)
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for document in documents:
        for text, name in SPACE_FILE.findall(document.read_text(encoding="utf-8")):
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    for command in dict.fromkeys(line for document in documents for line in commands(document)):
        if command not in tests:
            run(tiny(command), folder)


if __name__ == "__main__":
    main()
