"""Imports point one way, and what is heavy is imported only where it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import topcert

SOURCE = Path(topcert.__file__).parent
PAPER = Path(__file__).parents[1] / "paper" / "src" / "topcert_paper"

# What a layer may import of ours, in functions too. A layer that is not here is held by FORBIDDEN
# alone.
ALLOWED = {
    "version": set[str](),
    "files": set[str](),
    "extras": {"files"},
    "plugins": {"files"},
    "theory": {"theory"},
    "modalities": {"modalities", "theory", "files", "plugins"},
    "randomization": {"randomization", "modalities", "theory", "files"},
    "noise": {"noise", "randomization", "modalities", "theory", "files", "plugins"},
    "methods": {"methods", "noise", "modalities", "theory", "files", "plugins"},
    "models": {"models"},
}

# What nothing in a layer may import of ours. Votes are the record: nothing that makes them knows
# what they are for.
FORBIDDEN = {
    "classifiers": {"methods", "evaluation", "report", "training", "voting"},
    "datasets": {"methods", "evaluation", "report", "training", "voting"},
    "voting": {"methods", "evaluation", "report", "training"},
    "training": {"methods", "evaluation", "report", "voting"},
    "evaluation": {"report", "training"},
    "report": {"training"},
}

# Where a heavy package may be imported as a module is, not only when a function is called.
HEAVY = {
    "torch": {
        "topcert.classifiers.device_ballots",
        "topcert.classifiers.torch_module",
        "topcert.models.bounded_network",
        "topcert.models.compact",
        "topcert.models.cost",
        "topcert.models.lattice",
        "topcert.models.pointnet",
        "topcert.models.pretrained",
        "topcert.models.residual",
        "topcert.models.small",
        "topcert.models.whole",
        "topcert.randomization.on_device",
        "topcert.training.augmentation",
        "topcert.training.checkpoint",
        "topcert.training.clouds",
        "topcert.training.distillation",
        "topcert.training.export",
        "topcert.training.generators",
        "topcert.training.interval",
        "topcert.training.muon",
        "topcert.training.networks",
        "topcert.training.noise",
        "topcert.training.optimization",
        "topcert.training.points",
        "topcert.training.precision",
        "topcert.torch",
        "topcert.training.trainer",
    },
    "onnx": {"topcert.training.export"},
    "onnxruntime": {"topcert.classifiers.onnx"},
    "sklearn": {"topcert.classifiers.sklearn_estimator", "topcert.sklearn"},
    "matplotlib": {"topcert.report.figures"},
    "joblib": set[str](),
    "pooch": set[str](),
    "h5py": set[str](),
}

# What a layer must not load, however far along its imports.
NEVER_LOADED = {
    "evaluation": {"torch", "onnxruntime", "sklearn", "matplotlib"},
    "report": {"torch", "onnxruntime", "sklearn"},
    "cli": {"torch", "onnx", "onnxruntime", "sklearn", "pooch"},
    "paper": {"torch", "onnx", "sklearn", "pooch"},
    "paper.commands": {"torch", "onnx", "sklearn", "pooch"},
}


@dataclass(frozen=True)
class Module:
    """What a module imports: as soon as it is imported itself, and at any time."""

    at_once: frozenset[str]
    ever: frozenset[str]


Modules = dict[str, Module]


def read_modules(*folders: Path) -> Modules:
    """Every module of the packages in `folders`, with the full names of what it imports."""
    paths = {}
    for folder in folders:
        for path in folder.rglob("*.py"):
            parts = (folder.name, *path.relative_to(folder).with_suffix("").parts)
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found = {}
    for name, path in paths.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        at_once, ever = (
            frozenset(target for node in nodes for target in targets(node, package, set(paths)))
            for nodes in (executed(tree), ast.walk(tree))
        )
        found[name] = Module(at_once, ever)
    return found


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: no function bodies, nothing for type checkers
    alone.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):
            continue
        yield node
        yield from executed(node)


def targets(node: ast.AST, package: str, ours: set[str]) -> Iterator[str]:
    """The full names of the modules that a node imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        inner = {f"{base}.{alias.name}" for alias in node.names} & ours
        yield from inner
        if len(inner) < len(node.names):
            yield base
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
        "importlib.import_module",
        "import_module",
        "__import__",
    ):
        yield from (
            argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)
        )


def layer(name: str) -> str:
    """`voting` for `topcert.voting.run`; nothing for `topcert` itself; `paper` and `paper.commands`
    of what is in the distribution of the paper's experiments.
    """
    parts = name.split(".")
    if parts[0] == PAPER.name:
        return "paper.commands" if parts[1:2] == ["commands"] else "paper"
    return parts[1] if len(parts) > 1 else ""


def loaded_with(name: str, modules: Modules) -> set[str]:
    """All that importing `name` imports, ours followed to the end, with the packages that hold
    them.
    """
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        waiting.extend(here.rsplit(".", level)[0] for level in range(1, here.count(".") + 1))
        waiting.extend(modules[here].at_once if here in modules else ())
    return seen


def broken_rules(modules: Modules) -> list[str]:
    """One line for each import that a rule forbids."""
    broken = []
    for name, module in sorted(modules.items()):
        mine = layer(name)
        for target in sorted(module.ever):
            theirs = layer(target)
            if theirs.startswith("paper") and not mine.startswith("paper"):
                broken.append(f"{name} imports {target}: topcert does without the paper's")
            if target in modules and name != "topcert":
                if theirs == "cli" and mine not in ("cli", "__main__", "paper.commands"):
                    broken.append(f"{name} imports {target}: only cli imports cli")
                if theirs == "paper.commands" and mine != theirs:
                    broken.append(f"{name} imports {target}: only commands import commands")
                if theirs in FORBIDDEN.get(mine, ()) or (
                    mine in ALLOWED and theirs not in ALLOWED[mine]
                ):
                    broken.append(
                        f"{name} imports {target}: {mine} does not import {theirs or 'the package'}"
                    )
        for target in sorted(module.at_once):
            heavy = target.split(".")[0]
            if heavy in HEAVY and name not in HEAVY[heavy]:
                broken.append(f"{name} imports {target} at once: import it where it is used")
        everything = {target.split(".")[0] for target in loaded_with(name, modules)}
        for heavy in sorted(everything & NEVER_LOADED.get(mine, set())):
            broken.append(f"{name} loads {heavy}: {mine} does without")
    return broken


def test_every_import_follows_the_rules() -> None:
    modules = read_modules(SOURCE, PAPER)
    assert {layer(name) for name in modules} >= {
        *ALLOWED,
        *FORBIDDEN,
        *NEVER_LOADED,
    }, "a rule is of a layer that is gone"
    assert {name for places in HEAVY.values() for name in places} <= set(modules), (
        "a rule is of a module that is gone"
    )
    assert broken_rules(modules) == []


def test_the_imports_are_really_read() -> None:
    modules = read_modules(SOURCE)
    assert "topcert.theory.certified_radius" in modules["topcert"].at_once
    assert "topcert.files" in modules["topcert.voting.ledger"].at_once
    assert "pyarrow.parquet" in modules["topcert.voting.ledger"].at_once
    assert "topcert.classifiers.torch_module" in modules["topcert.classifiers.loading"].ever
    assert "topcert.classifiers.torch_module" not in modules["topcert.classifiers.loading"].at_once
    assert {
        "topcert",
        "topcert.theory",
        "topcert.theory.certified_radius",
        "scipy.special",
    } <= loaded_with("topcert.voting.run", modules)


FAKE = {
    "__init__.py": "",
    "theory/__init__.py": "",
    "theory/certified_radius.py": "import numpy",
    "files.py": "",
    "methods/__init__.py": "from topcert.theory.certified_radius import radius",
    "evaluation/__init__.py": "",
    "evaluation/curves.py": "from topcert import files",
    "voting/__init__.py": "",
    "voting/run.py": "import numpy",
    "classifiers/__init__.py": "",
    "classifiers/torch_module.py": "import torch",
    "cli/__init__.py": "",
    "cli/app.py": "from topcert.evaluation import curves",
    "../topcert_paper/__init__.py": "",
    "../topcert_paper/tables.py": "from topcert.evaluation import curves",
    "../topcert_paper/commands/__init__.py": "",
    "../topcert_paper/commands/reproduce.py": (
        "from topcert.cli import app\nimport topcert_paper.tables"
    ),
}


@pytest.mark.parametrize(
    ("changed", "source", "message"),
    [
        (
            "theory/certified_radius.py",
            "import topcert.files",
            "topcert.theory.certified_radius imports topcert.files: theory does not import files",
        ),
        (
            "theory/certified_radius.py",
            "def f():\n    from topcert import methods",
            "theory does not import methods",
        ),
        ("theory/certified_radius.py", "from .. import files", "theory does not import files"),
        (
            "theory/certified_radius.py",
            "from ..methods import certify",
            "theory does not import methods",
        ),
        (
            "theory/certified_radius.py",
            "from topcert import __version__",
            "theory does not import the package",
        ),
        (
            "theory/certified_radius.py",
            "import importlib\nimportlib.import_module('topcert.files')",
            "theory does not import files",
        ),
        (
            "methods/__init__.py",
            "from topcert.voting.run import run",
            "methods does not import voting",
        ),
        ("voting/run.py", "import topcert.methods as m", "voting does not import methods"),
        (
            "theory/certified_radius.py",
            "from topcert.voting import run",
            "theory does not import voting",
        ),
        (
            "methods/__init__.py",
            "def f():\n    from topcert.cli import app",
            "only cli imports cli",
        ),
        (
            "voting/run.py",
            "def f():\n    import topcert.cli.app",
            "topcert.voting.run imports topcert.cli.app: only cli imports cli",
        ),
        (
            "evaluation/curves.py",
            "import torch",
            "topcert.evaluation.curves loads torch: evaluation does without",
        ),
        (
            "evaluation/curves.py",
            "try:\n    import torch.nn\nexcept ImportError:\n    pass",
            "evaluation.curves imports torch.nn at once",
        ),
        ("evaluation/curves.py", "class A:\n    import torch", "evaluation.curves loads torch"),
        (
            "evaluation/curves.py",
            "import topcert.classifiers.torch_module",
            "evaluation.curves loads torch",
        ),
        (
            "files.py",
            "import topcert.classifiers.torch_module",
            "topcert.evaluation.curves loads torch",
        ),
        (
            "evaluation/__init__.py",
            "import matplotlib",
            "topcert.evaluation.curves loads matplotlib",
        ),
        (
            "__init__.py",
            "import topcert.classifiers.torch_module",
            "topcert.cli.app loads torch: cli does without",
        ),
        (
            "__init__.py",
            "import topcert_paper.tables",
            "topcert imports topcert_paper.tables: topcert does without the paper's",
        ),
        (
            "cli/app.py",
            "def f():\n    from topcert_paper.commands import reproduce",
            "topcert.cli.app imports topcert_paper.commands.reproduce: topcert does without",
        ),
        (
            "../topcert_paper/tables.py",
            "from topcert.cli import app",
            "topcert_paper.tables imports topcert.cli.app: only cli imports cli",
        ),
        (
            "../topcert_paper/tables.py",
            "from topcert_paper.commands import reproduce",
            "topcert_paper.tables imports topcert_paper.commands.reproduce: only commands import",
        ),
        (
            "../topcert_paper/tables.py",
            "import topcert.classifiers.torch_module",
            "topcert_paper.commands.reproduce loads torch: paper.commands does without",
        ),
        (
            "cli/app.py",
            "import sklearn",
            "topcert.cli.app imports sklearn at once: import it where it is used",
        ),
    ],
)
def test_the_check_can_fail(tmp_path: Path, changed: str, source: str, message: str) -> None:
    folders = tmp_path / "topcert", tmp_path / "topcert_paper"
    for name, content in FAKE.items():
        path = folders[0] / name
        path.parent.resolve().mkdir(parents=True, exist_ok=True)
        path.resolve().write_text(content)
    assert broken_rules(read_modules(*folders)) == []
    (folders[0] / changed).resolve().write_text(source)
    assert any(message in line for line in broken_rules(read_modules(*folders)))


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import torch",
        "async def f():\n    import torch",
        "class A:\n    def f(self):\n        import torch",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
        "import torchlike",
    ],
)
def test_what_is_not_imported_at_once_may_be_heavy(tmp_path: Path, source: str) -> None:
    folder = tmp_path / "topcert"
    (folder / "evaluation").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "evaluation" / "__init__.py").write_text(source)
    assert broken_rules(read_modules(folder)) == []


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        (
            "topcert",
            [
                "torch",
                "onnx",
                "onnxruntime",
                "matplotlib",
                "sklearn",
                "pyarrow",
                "pooch",
                "joblib",
                "typer",
                "rich",
            ],
        ),
        (
            "topcert.evaluation.verification",
            ["torch", "onnx", "onnxruntime", "matplotlib", "sklearn", "pooch"],
        ),
        ("topcert.cli", ["torch", "onnx", "onnxruntime", "sklearn", "pooch"]),
    ],
)
def test_an_import_in_a_fresh_process_loads_nothing_heavy(name: str, absent: list[str]) -> None:
    code = f"import sys, {name}; print(*sorted(set(sys.modules) & set({absent!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# A file here has the name of the thing that it adds, and the thing may occur elsewhere too.
NAMED_FOR_A_THING = {"api", "cli.commands", "methods", "modalities", "noise"}


def test_no_two_files_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        package = ".".join(path.relative_to(SOURCE).parent.parts)
        if path.name != "__init__.py" and package not in NAMED_FOR_A_THING:
            places.setdefault(path.name, []).append(package)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
