"""`certify --method chiang` and `verify` of its folder: made from weights, made again, and every
change found.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from tests.conftest import Outcome
from topcert.api.certify_network import certify_network
from topcert.api.verify import verify
from topcert.classifiers.layers import read_layers
from topcert.methods.certificate_table import CertificateTable
from topcert.theory.interval_bounds import certified_radius_intervals
from topcert.training.export import export_onnx

RUN = ["certify", "images.npz", "net.onnx", "--method", "chiang"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """images.npz and net.onnx: twelve images of 4 x 4 pixels, four classes."""
    folder = tmp_path_factory.mktemp("bounds")
    generator = np.random.default_rng(0)
    np.savez(
        folder / "images.npz",
        x=generator.integers(0, 256, (12, 4, 4, 3)).astype(np.uint8),
        y=generator.integers(0, 4, 12),
    )
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, 4))
    with torch.no_grad():
        network[3].bias += torch.tensor([0.6, 0.3, 0.0, 0.0])
        network[1].weight *= 0.3
    export_onnx(network, folder / "net.onnx", input_shape=(3, 4, 4), metadata={})
    return folder


@pytest.fixture
def place(workplace: Path, made: Path) -> Path:
    for name in ("images.npz", "net.onnx"):
        (workplace / name).write_bytes((made / name).read_bytes())
    return workplace


@pytest.fixture
def folder(place: Path, topcert: Callable[..., Outcome]) -> Path:
    run = topcert(*RUN, "--k", 1, "--k", 2, "--label", "predicted", "--out", "o")
    assert run.code == 0, run.err
    return place / "o"


def test_python_leaves_the_same_folder(folder: Path) -> None:
    found = certify_network(
        "net.onnx", "images.npz", k=(1, 2), label_choice="predicted", progress=False
    )
    found.save("p")
    one, other = (
        {path.name: path.read_bytes() for path in Path(where).iterdir() if path.is_file()}
        for where in ("o", "p")
    )
    assert one == other
    assert {"bounds.json", "certificates.parquet", "accuracy.csv", "accuracy.svg"} <= one.keys()


def test_certificates_are_those_of_the_theory(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    certificates, _ = CertificateTable.read(folder / "certificates.parquet")
    with np.load("images.npz") as data:
        images = data["x"].astype(np.float32).transpose(0, 3, 1, 2) / np.float32(255)
    layers = read_layers(Path("net.onnx"))
    for k in (1, 2):
        rows = certificates.k == k
        found = certified_radius_intervals(
            layers, images[certificates.index[rows]], certificates.label[rows], max_radius=32, k=k
        )
        np.testing.assert_array_equal(certificates.radius[rows], found)
    assert (certificates.radius > 0).any()
    assert (certificates.alpha, certificates.label_choice) == (0.0, "predicted")
    run = topcert("verify", "o", "--model", "net.onnx")
    assert run.code == 0, run.err
    assert "good" in run.out


def test_the_same_folder_comes_out_again(folder: Path, topcert: Callable[..., Outcome]) -> None:
    before = {
        path.name: path.read_bytes()
        for path in folder.glob("*")
        if path.suffix != ".png" and path.suffix != ".svg"
    }
    again = [*RUN, "--k", 1, "--k", 2, "--label", "predicted", "--out", "o"]
    assert topcert(*again).code == 2
    assert topcert(*again, "--resume").code == 0
    assert {name: (folder / name).read_bytes() for name in before} == before


def change_bounds(folder: Path, **changes: Any) -> None:
    path = folder / "bounds.json"
    found = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")


def change_certificates(folder: Path, **columns: Any) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    for name, values in columns.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, pa.array(values))
        else:
            table = table.append_column(name, pa.array(values))
    pq.write_table(table, path)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_radius": 33},
        {"max_radius": 32.9},
        {"max_radius": float("inf")},
        {"label_choice": "foo"},
        {"label_choice": "given"},
        {"num_inputs": 10**6},
        {"ks": []},
        {"ks": [1]},
        {"data": 5},
        {"data_options": {"data_dir": 5}},
        {"model": "/another.onnx"},
        {"model_fingerprint": "0" * 64},
        {"topcert_version": 5},
        {"format": "other"},
        {"more": 1},
    ],
)
def test_changed_bounds_are_found(
    folder: Path, topcert: Callable[..., Outcome], changes: dict[str, Any]
) -> None:
    change_bounds(folder, **changes)
    run = topcert("verify", "o", "--model", "net.onnx")
    assert run.code in (1, 2)
    assert "unexpected" not in run.err


@pytest.mark.parametrize(
    "name",
    ["radius", "label", "k", "index", "label_choice", "method", "alpha", "unit", "l2_radius"],
)
def test_changed_certificates_are_found(
    folder: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    table = pq.read_table(folder / "certificates.parquet")
    rows = table.num_rows
    changed: dict[str, Any] = {
        "label_choice": ["given"] * rows,
        "method": ["ablation"] * rows,
        "alpha": [0.5] * rows,
        "unit": ["feature"] * rows,
        "l2_radius": [9e9] * rows,
    }
    if name not in changed:
        values = table.column(name).to_pylist()
        changed[name] = [None if value is None else value + 1 for value in values]
    change_certificates(folder, **{name: changed[name]})
    # Given labels have one certificate of a k each, and these have several: such a table is not
    # even read.
    assert topcert("verify", "o", "--model", "net.onnx").code == (
        2 if name == "label_choice" else 1
    )


def test_a_changed_curve_is_found(folder: Path, topcert: Callable[..., Outcome]) -> None:
    path = folder / "accuracy.csv"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    assert topcert("verify", "o", "--model", "net.onnx").code == 1


def test_another_network_or_none_cannot_check_it(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert("verify", "o").code == 2
    assert topcert("verify", "o", "--model", "net.onnx", "--replay", 3).code == 2
    other = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    export_onnx(other, Path("other.onnx"), input_shape=(3, 4, 4), metadata={})
    run = topcert("verify", "o", "--model", "other.onnx")
    assert run.code == 2
    assert "fingerprint" in run.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*RUN, "--keep", 3], "--keep is for methods on votes"),
        ([*RUN, "--selection", 3], "--selection is for methods on votes"),
        ([*RUN, "--encoding", "constant"], "--encoding is for methods on votes"),
        ([*RUN, "--unit", "feature"], "--unit is for methods on votes"),
        ([*RUN, "--label", "selected"], "--label must be given or predicted"),
        ([*RUN, "--k", 4], "k must lie in 1"),
        (["certify", "images.npz", "compact", "--method", "chiang"], ".onnx"),
        (["certify", "images.npz", "absent.onnx", "--method", "chiang"], "does not exist"),
        (["certify", "digits", "net.onnx", "--method", "chiang"], "does not take inputs of shape"),
    ],
)
def test_what_cannot_be_bounded_is_refused(
    place: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments, "--out", "o")
    assert run.code == 2
    assert says in run.err
    assert "unexpected" not in run.err
    assert not Path("o").exists()


def test_there_are_no_votes_to_evaluate(folder: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("evaluate", "o", "--k", 2)
    assert run.code == 2
    assert "no votes" in run.err


def test_python_leaves_the_same_folder_and_checks_it(folder: Path) -> None:
    found = certify_network(
        "net.onnx", "images.npz", k=(1, 2), label_choice="predicted", progress=False
    )
    assert found.radii(2).shape == (12, 2)
    assert "no failure probability" in found.promise()
    found.save("python")
    for path in folder.iterdir():
        assert (Path("python") / path.name).read_bytes() == path.read_bytes(), path.name
    assert verify("python", "net.onnx").good
    with pytest.raises(ValueError, match="name the network with model"):
        verify("python")
    with pytest.raises(ValueError, match="name one to save into"):
        found.save()
