"""What the command does, Python does: the same folders, to the byte."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import topcert as library
from tests.conftest import Outcome
from topcert.methods.registered_methods import all_methods
from topcert.theory.discrete_radius import lee_thresholds

LINEAR = "models_for_tests:linear"
BEGINNINGS = {
    "TABLE": ["certify", "table.npz", LINEAR, "--seed", "3", "--out", "command"],
    "IMAGES": ["certify", "images.npz", LINEAR, "--seed", "3", "--out", "command"],
    "PREDICT": ["predict", "table.npz", LINEAR, "--seed", "3", "--out", "command"],
}


def votes(
    noise: Any, data: str = "table.npz", *, num_named: int = 1, **given: Any
) -> library.Votes:
    smoothed = library.SmoothedClassifier(LINEAR, noise=noise, num_named=num_named)
    return smoothed.vote(data, seed=3, out="python", progress=False, **given)


def sampled() -> None:
    votes(library.Ablation(num_kept=2), num_samples=60).certify(k=(1, 3)).save()


def located() -> None:
    votes(library.Ablation(num_kept=2), num_samples=60).certify("located", k=2, alpha=0.05).save()


def union() -> None:
    found = votes(library.Ablation(num_kept=2), num_samples=60)
    found.certify(k=2, bounds="intersection-union").save()


def predicted() -> None:
    found = votes(library.Ablation(num_kept=2), num_samples=60, label_choice="predicted")
    found.certify(k=(1, 3)).save()


def selected() -> None:
    found = votes(library.Ablation(num_kept=2), num_samples=60, label_choice="selected")
    found.certify(k=1).save()


def ballots() -> None:
    found = votes(library.Ablation(num_kept=2), num_samples=60, num_named=3)
    found.certify(k=(1, 2)).save()


def stopped() -> None:
    rule = library.Stopping(question="radius=1", k=1, alpha=0.01)
    votes(library.Ablation(num_kept=2), num_samples=300, stop=rule).certify().save()


def stopped_located() -> None:
    rule = library.Stopping(question="table", k=2, alpha=0.05, method="located", label="selected")
    found = votes(library.Ablation(num_kept=2), num_samples=300, stop=rule, num_named=2)
    found.certify().save()


def design() -> None:
    found = votes(library.Ablation(num_kept=2, design="random"), num_samples=40)
    found.certify(k=(1, 2)).save()


def lattice() -> None:
    noise = library.Ablation(design="lattice:2x2", encoding="constant")
    votes(noise, "images.npz").certify("fpa", k=2).save()


def filled() -> None:
    noise = library.Ablation(num_kept=3, encoding="sentinel", fill=-2.0)
    votes(noise, num_samples=60, reading=library.Reading(limit=5, stride=1)).certify().save()


def gaussian() -> None:
    found = votes(
        library.Gaussian(sigma=0.5), "images.npz", num_samples=60, label_choice="selected"
    )
    found.certify("cohen").save()


def gaussian_top_k() -> None:
    found = votes(library.Gaussian(sigma=0.5), "images.npz", num_samples=60)
    found.certify("jia-2020", k=(1, 2), label_choice="given").save()


def discrete() -> None:
    noise = library.Discrete(keep_probability="0.2")
    votes(noise, "images.npz", num_samples=60, label_choice="selected").certify("lee").save()


def more_inputs() -> None:
    noise = library.Ablation(num_kept=2)
    votes(noise, num_samples=60, reading=library.Reading(limit=3))
    votes(noise, num_samples=60, reading=library.Reading(limit=5)).certify(k=1).save()


def predict() -> None:
    smoothed = library.SmoothedClassifier(LINEAR, noise=library.Ablation(num_kept=2))
    smoothed.predict(
        "table.npz", k=2, alpha=0.01, num_samples=60, seed=3, out="python", progress=False
    )


def predict_design() -> None:
    noise = library.Ablation(num_kept=2, design="random")
    smoothed = library.SmoothedClassifier(LINEAR, noise=noise, num_named=2)
    smoothed.predict("table.npz", k=2, num_samples=40, seed=3, out="python", progress=False)


JOBS: dict[Callable[[], None], list[str]] = {
    sampled: ["TABLE --keep 2 --samples 60 --k 1,3"],
    located: ["TABLE --keep 2 --samples 60 --k 2 --method located --alpha 0.05"],
    union: ["TABLE --keep 2 --samples 60 --k 2 --bounds intersection-union"],
    predicted: ["TABLE --keep 2 --samples 60 --k 1,3 --label predicted"],
    selected: ["TABLE --keep 2 --samples 60 --k 1 --label selected"],
    ballots: ["TABLE --keep 2 --samples 60 --k 1,2 --ballot 3"],
    stopped: ["TABLE --keep 2 --stop radius=1 --max-samples 300 --k 1 --alpha 0.01"],
    stopped_located: [
        "TABLE --keep 2 --stop table --max-samples 300 --k 2 --ballot 2 --alpha 0.05"
        " --method located --label selected"
    ],
    design: ["TABLE --keep 2 --method design --design random --samples 40 --k 1,2"],
    lattice: ["IMAGES --method fpa --design lattice:2x2 --encoding constant --k 2"],
    filled: ["TABLE --keep 3 --encoding sentinel --fill -2.0 --samples 60 --limit 5 --stride 1"],
    gaussian: ["IMAGES --method cohen --sigma 0.5 --samples 60"],
    gaussian_top_k: [
        "IMAGES --method jia-2020 --sigma 0.5 --samples 60 --k 1,2 --selection 0 --label given"
    ],
    discrete: ["IMAGES --method lee --keep-probability 0.2 --samples 60"],
    more_inputs: [
        "TABLE --keep 2 --samples 60 --k 1 --limit 3",
        "TABLE --keep 2 --samples 60 --k 1 --limit 5 --resume",
    ],
    predict: ["PREDICT --keep 2 --samples 60 --k 2 --alpha 0.01"],
    predict_design: ["PREDICT --keep 2 --design random --samples 40 --k 2 --ballot 2"],
}


def files_of(folder: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_python_and_the_command_leave_the_same_folder(
    workplace: Path, topcert: Callable[..., Outcome], job: Callable[[], None]
) -> None:
    generator = np.random.default_rng(2)
    images = generator.integers(0, 256, (6, 4, 4, 1), dtype=np.uint8)
    np.savez("images.npz", x=images, y=generator.integers(0, 5, 6))
    for command in JOBS[job]:
        beginning, *options = command.split()
        run = topcert(*BEGINNINGS[beginning], *options)
        assert run.code == 0, run.err
    job()
    one, other = files_of("command"), files_of("python")
    assert one.keys() == other.keys()
    assert {"manifest.json", "certificates.parquet", "accuracy.csv", "accuracy.svg"} <= one.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert topcert("verify", "python").code == 0


def printed(run: Outcome) -> Any:
    """What a command printed as JSON."""
    assert run.code == 0, run.err
    return json.loads(run.out)


def test_python_refuses_the_folder_of_a_set_beside_other_data(workplace: Path) -> None:
    reading = library.Reading(data_dir="absent")
    smoothed = library.SmoothedClassifier(LINEAR, noise=library.Ablation(num_kept=2))
    for job in (
        lambda: smoothed.vote("table.npz", reading=reading),
        lambda: smoothed.predict("table.npz", reading=reading),
        lambda: smoothed.cost("table.npz", reading=reading),
        lambda: library.certify_network("net.onnx", "table.npz", reading=reading),
    ):
        with pytest.raises(ValueError, match=r"data_dir absent is for cifar10, .* 'table.npz'"):
            job()


def test_evaluate_and_verify_say_the_same(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    found = votes(library.Ablation(num_kept=2), num_samples=60, num_named=2)
    found.certify(k=(1, 2), alpha=0.01).save()
    asked: list[tuple[list[object], dict[str, Any]]] = [
        ([], {}),
        (["--k", 3, "--alpha", 0.1, "--ballot", 1], {"k": 3, "alpha": 0.1, "num_named": 1}),
        (["--bounds", "intersection-union"], {"bounds": "intersection-union"}),
        (["--method", "located", "--label", "predicted"], {"label_choice": "predicted"}),
    ]
    for options, given in asked:
        command = printed(topcert("evaluate", "python", *options, "--json"))
        method = "located" if "located" in options else None
        made = library.evaluate("python", method, **given, progress=False)
        for name in ("method", "bounds", "alpha", "label_choice", "num_named"):
            assert command[name] == getattr(made.table, name)
        curves = [line.curve for line in made.accuracy().lines]
        assert [one["k"] for one in command["curves"]] == [curve.k for curve in curves]
        assert [one["certified"] for one in command["curves"]] == [
            curve.certified.tolist() for curve in curves
        ]
    audit = ["--model", LINEAR, "--replay", 20, "--fresh-seed", 1, "--samples", 30]
    command = printed(topcert("verify", "python", *audit, "--json"))
    verdict = library.verify(
        "python", LINEAR, replay=20, fresh_seed=1, num_samples=30, progress=False
    ).verdict
    for name in ("certificates", "votes", "num_named", "fresh_votes_an_input", "model"):
        assert command[name] == getattr(verdict, name)
    assert command["not_checked"] == verdict.log.not_checked
    assert command["good"] is True
    assert not verdict.findings


def test_plan_says_the_same(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    given = {"num_features": 12, "num_kept": 3, "num_classes": 5, "num_samples": 200}
    options = ["--keep", 3, "--samples", 200, "--k", "1,2", "--ballot", 2, "--json"]
    command = printed(topcert("plan", "table.npz", LINEAR, *options, "--radius", 1))
    found = library.plan(**given, k=(1, 2), num_named=2, unit="column")
    for setting, suggested in zip(command["settings"], command["suggested"], strict=True):
        k = setting["k"]
        assert setting["largest_radius"] == found.largest_radius(k)
        assert suggested["reaches"] == [vars(one) for one in found.reaches(1, k)]
        rows = [row for row in found.rows() if row["k"] == k]
        assert setting["votes_needed"] == [
            {
                "radius": row["radius"],
                "others_even": row["votes_if_others_share"],
                "few_rivals": row["votes_if_few_have_the_rest"],
            }
            for row in rows
        ]
    smoothed = library.SmoothedClassifier(LINEAR, noise=library.Ablation(num_kept=3), num_named=2)
    cost = smoothed.cost("table.npz", num_samples=200)
    for name in ("passes", "bytes", "runtime"):
        assert command["cost"][name] == getattr(cost, name)
    assert cost.passes_per_second > 0


def test_radius_lee_table_and_methods_say_the_same(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("counts.csv").write_text("label,0,1,2\n0,950,30,20\n1,300,500,200\n", encoding="utf-8")
    options = ["--keep", 10, "--features", 100, "--k", "1,2", "--alpha", 0.01]
    command = printed(topcert("radius", "counts.csv", *options, "--json"))
    made = library.certify_counts(
        [[950, 30, 20], [300, 500, 200]],
        [0, 1],
        noise=library.Ablation(num_kept=10),
        num_features=100,
        k=(1, 2),
        alpha=0.01,
    )
    names = ("index", "label", "k", "radius")
    assert [[row[name] for name in names] for row in command] == [
        [row[name] for name in names] for row in made.rows()
    ]
    Path("named.csv").write_text(
        "name,cat,dog,label\n" + "".join(f"{row}.jpg,5,95,dog\n" for row in range(9)), "utf-8"
    )
    options = ["--method", "cohen", "--sigma", 0.5, "--channels", 3, "--label", "predicted"]
    run = topcert("radius", "named.csv", *options, "--samples", 100, "--json")
    found = library.certify_counts(
        library.read_counts("named.csv", num_samples=100),
        noise=library.Gaussian(sigma=0.5),
        channels=3,
        method="cohen",
        label_choice="predicted",
    )
    assert printed(run) == found.rows()
    assert run.err.strip() == f"note: {found.notes[0]}"
    assert "none of the 9 labels is 0" in found.notes[0]
    for given, message in (
        ({"num_samples": 99}, "sum to 100, not to num_samples 99"),
        ({"num_named": 2}, "num_named must lie in 1 .. 1"),
    ):
        with pytest.raises(ValueError, match=message):
            library.read_counts("named.csv", **given)
    with pytest.raises(ValueError, match="method cohen needs channels, the values"):
        library.certify_counts([[9, 1]], noise=library.Gaussian(sigma=0.5))
    with pytest.raises(ValueError, match="method ablation needs num_features"):
        library.certify_counts([[9, 1]], noise=library.Ablation(num_kept=2))
    thresholds = printed(
        topcert("lee-table", "--keep-probability", 0.5, "--values", 2, "--max-radius", 2, "--json")
    )
    exact = lee_thresholds(keep_probability="0.5", num_values=2, max_radius=2)
    assert [float(row["threshold"]) for row in thresholds] == [float(one) for one in exact]
    listed = [row["name"] for row in printed(topcert("methods", "--json"))]
    assert set(all_methods()) <= set(listed)


def test_train_leaves_the_same_weights(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(len(split))
        images = generator.integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)
        return images, np.arange(16) % 2

    monkeypatch.setattr(importlib.import_module("topcert.training.networks"), "load_cifar10", load)
    options = ["--keep", 20, "--epochs", 1, "--batch-size", 8, "--average", 0.5, "--seed", 4]
    run = topcert("train", "cifar10", "small", *options, "--out", "command")
    assert run.code == 0, run.err
    made = library.train_network(
        "cifar10",
        "small",
        out="python",
        noise=library.TrainingNoise(num_kept=20),
        recipe=library.Recipe(epochs=1, batch_size=8, average=0.5),
        seed=4,
        progress=False,
    )
    assert made.path.is_file()
    assert [row.epoch for row in made.logs] == [1]
    command, python = (
        torch.load(Path(folder, "checkpoint.pt"), weights_only=True)
        for folder in ("command", "python")
    )
    assert command["plan"] == python["plan"]
    for name, value in command["averaged"].items():
        assert torch.equal(value, python["averaged"][name])
    with pytest.raises(ValueError, match="pass resume=True to go on from it, or another out"):
        library.train_network("cifar10", "small", out="python", progress=False)
    with pytest.raises(ValueError, match="num_masks belongs to design"):
        library.train_network(
            "cifar10", out="other", noise=library.TrainingNoise(num_masks=2), progress=False
        )
