"""The Python that the tutorials show runs, and the reference names every public name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import topcert
from tests.docs.pages import DOCS, PAGES, Block, blocks, name_of

RUN = [page for page in PAGES if any(block.run for block in blocks(page))]
SHOWN = [
    pytest.param(block, id=f"{name_of(page)}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page))
    if block.language == "python"
]


def test_pages_are_run() -> None:  # README has a test of its own
    assert {DOCS / "quickstart.md", DOCS / "tutorials/table-sklearn.md"} <= set(RUN)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.run:
            code = re.sub(r"num_samples=[\d_]+", "num_samples=100", block.text)  # few will do
            code = re.sub(r"VIEWS = \d+", "VIEWS = 2", code)
            exec(compile(code, name_of(page), "exec"), names)


@pytest.mark.parametrize("block", SHOWN)
def test_the_python_of_the_pages_parses(block: Block) -> None:
    ast.parse(block.text)


def test_the_reference_names_every_public_name() -> None:
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: topcert\.(\w+)$", page, re.M))
    assert named | {"ABSTAIN", "__version__"} == set(topcert.__all__)
