"""What the site adds to the pages under docs/: pages that are made (the commands, from their own
help; the examples, with their code) or lie elsewhere in the repository, links to these, and
mathematics as MathML.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent.parent
# pages of the site that lie elsewhere
ELSEWHERE = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "examples.md": "examples/README.md",
    "networks/compact.md": "src/topcert/models/compact.md",
    "networks/lattice.md": "src/topcert/models/lattice.md",
}
COMMANDS, HELP = "reference/commands.md", "<!-- help -->"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|`[^`]*`)*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_MATH = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    for page, source in ELSEWHERE.items():
        content = (ROOT / source).read_text(encoding="utf-8")
        if page == "examples.md":
            content += "".join(examples())
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    here = page.file.src_uri
    if here == COMMANDS:
        markdown = markdown.replace(HELP, "\n".join(commands()))
    source = Path(ELSEWHERE.get(here, f"docs/{here}"))
    return _LINK.sub(lambda found: relinked(found, here, source.parent), markdown)


def relinked(found: re.Match[str], here: str, folder: Path) -> str:
    """A link as the site has it: what lies elsewhere is a page of its own, or no link."""
    image, label, target, anchor = found.groups()
    if ":" in target:
        return found.group()
    path = os.path.normpath(folder / target)
    pages = {source: page for page, source in ELSEWHERE.items()} | {"README.md": "index.md"}
    if path in pages:
        page = pages[path]
    elif path.startswith("docs/"):
        page = path.removeprefix("docs/")
    else:
        return label
    return f"{image}[{label}]({os.path.relpath(page, Path(here).parent)}{anchor or ''})"


def on_page_content(content: str, **_: Any) -> str:
    return _MATH.sub(as_mathml, content)


def as_mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    return convert(html.unescape(found[3]), display=display)


def examples() -> Iterator[str]:
    """The code of each example."""
    for script in sorted((ROOT / "examples").glob("*.py")):
        yield f"\n## {script.name}\n\n```python\n{script.read_text(encoding='utf-8')}```\n"


def commands() -> Iterator[str]:
    """The help of each command, as it prints at 80 columns."""
    from typer.main import get_command

    from topcert.cli.app import app

    group = get_command(app)
    context = group.make_context("topcert", [], resilient_parsing=True, terminal_width=80)
    yield from described("topcert", group, context)


def described(name: str, command: Any, context: Any) -> Iterator[str]:
    yield f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"
    if hasattr(command, "list_commands"):
        for short in command.list_commands(context):
            inner = command.get_command(context, short)
            inside = inner.make_context(
                short, [], parent=context, resilient_parsing=True, terminal_width=80
            )
            yield from described(f"{name} {short}", inner, inside)
