"""What is not in a plain install is named in one line, with what brings it; and nothing else needs
it.
"""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path

import pytest

from tests.conftest import Outcome
from tests.datasets.cifar_files import PER_FILE, TEST, write_binary
from tests.datasets.modelnet_files import write_release
from topcert.datasets import cifar10
from topcert.datasets.cifar10 import load_cifar10
from topcert.datasets.modelnet40 import load_modelnet40
from topcert.extras import need

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))[
    "project"
]


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in requirements}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """ModelNet40, written while h5py is at hand."""
    return write_release(tmp_path / "release")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a plain install."""
    for name in ("h5py", "pooch", "torch", "onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("release", "bare")
def test_modelnet40_needs_an_extra_and_says_so_before_it_downloads(release: Path) -> None:
    message = r"^reading ModelNet40 needs h5py; install it with: pip install 'topcert\[points\]'$"
    for folder in (release, None):
        with pytest.raises(ValueError, match=message):
            load_modelnet40("test", data_dir=folder)


def test_a_download_of_modelnet40_needs_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    message = (
        r"^downloading ModelNet40 needs pooch; install it with: pip install 'topcert\[data\]'$"
    )
    with pytest.raises(ValueError, match=message):
        load_modelnet40("test")


@pytest.mark.usefixtures("bare")
def test_cifar10_needs_one_only_where_it_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = r"^downloading CIFAR-10 needs pooch; install it with: pip install 'topcert\[data\]'$"
    with pytest.raises(ValueError, match=message):
        load_cifar10("test")
    monkeypatch.setattr(cifar10, "_PER_FILE", PER_FILE)
    write_binary(tmp_path, TEST)
    assert len(load_cifar10("test", data_dir=tmp_path)[0]) == PER_FILE


@pytest.mark.usefixtures("bare")
def test_the_module_for_torch_says_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "topcert.torch", raising=False)
    message = r"^topcert\.torch needs torch; install it with: pip install 'topcert\[torch\]'$"
    with pytest.raises(ModuleNotFoundError, match=message):
        importlib.import_module("topcert.torch")


@pytest.mark.usefixtures("bare")
def test_a_command_says_it_in_one_line(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("certify", "cifar10", "compact", "--keep", 50, "--samples", 10, "--out", "o")
    assert run.code == 2
    assert run.err.splitlines() == [
        "error: downloading CIFAR-10 needs pooch; install it with: pip install 'topcert[data]'"
    ]
    assert not Path("o").exists()


def test_one_that_is_there_and_does_not_load_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text("import a_library_that_is_gone")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"doing it needs broken_package, which does not load \(No module named 'a_library",
    ):
        need("broken_package", extra="data", doing="doing it")


def test_a_plain_install_asks_for_eleven_packages_at_most() -> None:
    core = names_of(PROJECT["dependencies"])
    assert len(core) <= 11
    extras = PROJECT["optional-dependencies"]
    assert names_of(extras["points"]) == {"h5py"}
    assert names_of(extras["data"]) == {"pooch"}
    assert not core & {"h5py", "pooch", "torch", "onnx"}
    # whoever runs the tests has them all
    assert names_of(extras["points"]) | names_of(extras["data"]) <= names_of(extras["test"])


@pytest.mark.parametrize(
    ("ours", "theirs"), [("scikit-learn", "joblib"), ("onnxruntime", "protobuf")]
)
def test_what_is_not_named_comes_with_a_package_that_is(ours: str, theirs: str) -> None:
    assert ours in names_of(PROJECT["dependencies"])
    assert theirs not in names_of(PROJECT["dependencies"])
    always = [line for line in requires(ours) or [] if "extra ==" not in line]
    assert theirs in names_of(always)
