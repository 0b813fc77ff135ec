"""Every page keeps within 100 columns, and every link of it leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, MADE, PAGES, ROOT, anchors, links, name_of

# written by `topcert reproduce`, with captions in one line
WRITTEN = [page for page in PAGES if page.parent.parent == DOCS / "results"]
HELD = [page for page in PAGES if page not in WRITTEN]


@pytest.mark.parametrize("page", HELD, ids=name_of)
def test_lines_are_at_most_100_columns(page: Path) -> None:
    long = [
        f"{name_of(page)}:{number}: {len(line)} columns"
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 100 and not line.startswith("|")
    ]
    assert not long


@pytest.mark.parametrize("page", HELD, ids=name_of)
def test_no_section_begins_or_ends_within_a_sentence(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "(code)", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    broken = []
    for section in re.split(r"^#+ .*$", text, flags=re.M):
        lines = [line.strip() for line in section.splitlines() if line.strip()]
        if lines and re.match(r"[a-z]{2,}\b(?! is )", lines[0]):
            broken.append(lines[0])
        if lines and not re.search(r"[.:?!)|>*$]$|^:::|^- |^    ", lines[-1]):
            broken.append(lines[-1])
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    lost = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        if place in MADE:
            continue
        if not place.exists() or (anchor and anchor not in anchors(place)):
            lost.append(link)
    assert not lost


def test_every_page_stands_in_the_site() -> None:
    message = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/-]+\.md", message.partition("\nnav:")[2]))
    there = {page.relative_to(DOCS).as_posix() for page in HELD if page.is_relative_to(DOCS)}
    made = {page.relative_to(DOCS).as_posix() for page in MADE}
    assert there | made | {"networks/compact.md", "networks/lattice.md"} == listed


@pytest.mark.parametrize("page", [*DOCS.glob("theory/*.md"), DOCS / "theory.md"], ids=name_of)
def test_files_of_the_code_that_the_theory_names_are_there(page: Path) -> None:
    named = re.findall(r"`((?:tests|theory|benchmarks|[a-z]+)/[\w/]+\.py)", page.read_text())
    places = (ROOT, ROOT / "src" / "topcert")
    assert [name for name in named if not any((at / name).is_file() for at in places)] == []
