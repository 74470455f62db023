"""What a browser would find in HTML of ours, for the tests of analyses."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags and attributes of a page, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += f"{data} "
