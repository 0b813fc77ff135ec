"""The Markdown of the repository: its pages, their lines, links, anchors and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "examples").glob("*.md"),
        *(ROOT / "src").rglob("*.md"),
        *(ROOT / "paper").rglob("*.md"),
    )
    if not any(part.startswith((".", "build")) for part in path.relative_to(ROOT).parts)
)
# pages of the site that are made when it is built
MADE = {DOCS / "changelog.md", DOCS / "contributing.md", DOCS / "examples.md"}
_LINK = re.compile(r"\[(?:[^\[\]]|`[^`]*`)*\]\(([^)\s]+)\)")


@final
@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code: its language, its lines, and whether a test runs it."""

    language: str
    text: str
    run: bool


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> list[str]:
    """The lines of a page, those of code left empty."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.lstrip().startswith("```")
        lines.append("" if inside or fence else re.sub(r"`[^`]*`", "", line))
        inside ^= fence
    return lines


def links(page: Path) -> Iterator[str]:
    """Where a page's links go, those out of the repository left out."""
    for target in _LINK.findall("\n".join(prose(page))):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """What a link to a page may end in."""
    found = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        heading = re.fullmatch(r"#+ (.*)", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
            bare = re.sub(r"[^\w\s-]", "", text).strip().lower()
            found.add(re.sub(r"[-\s]+", "-", bare))
    return found


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order; one below the comment `run` is run by a test."""
    text = page.read_text(encoding="utf-8")
    pattern = r"(<!-- run -->\n)?^( *)```(\w*)\n(.*?)^\2```"
    return [
        Block(language=language, text=re.sub(rf"^{indent}", "", body, flags=re.M), run=bool(mark))
        for mark, indent, language, body in re.findall(pattern, text, re.M | re.S)
    ]


def commands(page: Path) -> Iterator[str]:
    """Every `topcert` command of a page's blocks for a shell, a line that goes on joined."""
    for block in blocks(page):
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.startswith("topcert "):
                    yield line
