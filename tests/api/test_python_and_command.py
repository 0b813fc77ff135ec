"""What the command does, Python does: the same folders, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topcert
from tests.conftest import Outcome

LINEAR = "models_for_tests:linear"
BEGINNINGS = {
    "TABLE": ["certify", "table.npz", LINEAR, "--seed", "3", "--out", "command"],
    "IMAGES": ["certify", "images.npz", LINEAR, "--seed", "3", "--out", "command"],
    "PREDICT": ["predict", "table.npz", LINEAR, "--seed", "3", "--out", "command"],
}


def votes(
    noise: Any, data: str = "table.npz", *, num_named: int = 1, **given: Any
) -> topcert.Votes:
    smoothed = topcert.SmoothedClassifier(LINEAR, noise=noise, num_named=num_named)
    return smoothed.vote(data, seed=3, out="python", progress=False, **given)


def sampled() -> None:
    votes(topcert.Ablation(num_kept=2), num_samples=60).certify(k=(1, 3)).save()


def located() -> None:
    votes(topcert.Ablation(num_kept=2), num_samples=60).certify("located", k=2, alpha=0.05).save()


def union() -> None:
    found = votes(topcert.Ablation(num_kept=2), num_samples=60)
    found.certify(k=2, bounds="intersection-union").save()


def predicted() -> None:
    found = votes(topcert.Ablation(num_kept=2), num_samples=60, label_choice="predicted")
    found.certify(k=(1, 3)).save()


def selected() -> None:
    found = votes(topcert.Ablation(num_kept=2), num_samples=60, label_choice="selected")
    found.certify(k=1).save()


def ballots() -> None:
    found = votes(topcert.Ablation(num_kept=2), num_samples=60, num_named=3)
    found.certify(k=(1, 2)).save()


def stopped() -> None:
    rule = topcert.Stopping(question="radius=1", k=1, alpha=0.01)
    votes(topcert.Ablation(num_kept=2), num_samples=300, stop=rule).certify().save()


def stopped_located() -> None:
    rule = topcert.Stopping(question="table", k=2, alpha=0.05, method="located", label="selected")
    found = votes(topcert.Ablation(num_kept=2), num_samples=300, stop=rule, num_named=2)
    found.certify().save()


def design() -> None:
    found = votes(topcert.Ablation(num_kept=2, design="random"), num_samples=40)
    found.certify(k=(1, 2)).save()


def lattice() -> None:
    noise = topcert.Ablation(design="lattice:2x2", encoding="constant")
    votes(noise, "images.npz").certify("fpa", k=2).save()


def filled() -> None:
    noise = topcert.Ablation(num_kept=3, encoding="sentinel", fill=-2.0)
    votes(noise, num_samples=60, reading=topcert.Reading(limit=5, stride=1)).certify().save()


def gaussian() -> None:
    found = votes(
        topcert.Gaussian(sigma=0.5), "images.npz", num_samples=60, label_choice="selected"
    )
    found.certify("cohen").save()


def gaussian_top_k() -> None:
    found = votes(topcert.Gaussian(sigma=0.5), "images.npz", num_samples=60)
    found.certify("jia-2020", k=(1, 2), label_choice="given").save()


def discrete() -> None:
    noise = topcert.Discrete(keep_probability="0.2")
    votes(noise, "images.npz", num_samples=60, label_choice="selected").certify("lee").save()


def grown() -> None:
    noise = topcert.Ablation(num_kept=2)
    votes(noise, num_samples=60, reading=topcert.Reading(limit=3))
    votes(noise, num_samples=60, reading=topcert.Reading(limit=5)).certify(k=1).save()


def predict() -> None:
    smoothed = topcert.SmoothedClassifier(LINEAR, noise=topcert.Ablation(num_kept=2))
    smoothed.predict(
        "table.npz", k=2, alpha=0.01, num_samples=60, seed=3, out="python", progress=False
    )


def predict_design() -> None:
    noise = topcert.Ablation(num_kept=2, design="random")
    smoothed = topcert.SmoothedClassifier(LINEAR, noise=noise, num_named=2)
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
    grown: [
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
