"""Documents lead where they say."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\]\(([^()\s]+)\)")
MODULE = re.compile(r"python -m ((?:search|trainables|analysis|benchmarks)[a-z_.]*)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = FENCED.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text(encoding="utf-8").replace("\n", " ")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_is_named_exists(document: Path) -> None:
    for name in MODULE.findall(document.read_text(encoding="utf-8")):
        found = importlib.util.find_spec(name.rstrip("."))
        assert found is not None, name
        if found.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{name}.__main__") is not None, name


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = set(LINK.findall(index.read_text(encoding="utf-8")))
    assert {path.name for path in index.parent.glob("*.md")} - linked == {"index.md"}


def test_every_benchmark_is_in_their_readme() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    runnable = [
        path
        for path in (ROOT / "benchmarks").rglob("*.py")
        # Modules that benchmarks run in processes of their own report nothing.
        if all(word in path.read_text(encoding="utf-8") for word in ("__main__", "benchmarks.reporting"))
    ]
    names = (path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in runnable)
    modules = {name.removesuffix(".__main__") for name in names}
    assert modules
    assert modules - set(MODULE.findall(text)) == set()
