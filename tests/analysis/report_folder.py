"""A search's folder for the report's tests, and a reader of the page that knows what HTML allows."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from analysis.results import (
    SearchResults,
    write_curves,
    write_panels,
    write_results,
    write_settings,
    write_stretches,
    write_tests,
)

VOID = {"meta", "link", "img", "input", "br", "hr"}
LOADING = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background"}


def write_search(folder: Path, results: SearchResults) -> Path:
    folder.mkdir(parents=True)
    write_settings(folder, results.settings)
    write_results(folder, results.trials)
    write_curves(folder, results.curves)
    write_tests(folder, results.tests)
    write_stretches(folder, results.stretches, results.decisions)
    write_panels(folder, results.panels)
    return folder


@dataclass
class Page:
    """What a browser would make of the page: no text inside scripts and styles counts as text."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str], str]] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def text_of(self, tag: str) -> list[str]:
        return [text for inside, text in self.texts if inside == tag]

    def loads(self) -> list[str]:
        """Every address the page could fetch or lead to."""
        return [value for _, attributes in self.tags for name, value in attributes.items() if name in LOADING]

    def data(self) -> Any:
        """What the page's script reads; constants that JSON does not have are an error."""
        (text,) = [text for attributes, text in self.scripts if attributes.get("type") == "application/json"]

        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        return json.loads(text, parse_constant=refuse)


def read_page(path: Path) -> Page:
    page = Page()
    reader = _Reader(page)
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    page.unbalanced += [f"<{tag}> is never closed" for tag in reader.open]
    return page


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.page.tags.append((tag, attributes))
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "script":
            self.page.scripts.append((attributes, ""))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.page.unbalanced.append(f"</{tag}> closes {self.open[-1:] or 'nothing'}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            attributes, text = self.page.scripts[-1]
            self.page.scripts[-1] = (attributes, text + data)
        elif inside == "style":
            self.page.styles.append(data)
        elif data.strip():
            self.page.texts.append((inside, " ".join(data.split())))
