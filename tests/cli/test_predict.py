"""`topcert predict`: every shown label has its own radius or abstains alone, and what is kept can
be checked.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import Outcome
from topcert.evaluation.predicting import predict_labels
from topcert.evaluation.prediction_rows import older_rows
from topcert.evaluation.results import smoothing_of
from topcert.methods.ablation import METHOD
from topcert.methods.certify import most_voted, radii_of
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.stay_radius import stay_radius
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest

MODEL = "models_for_tests:linear"
COMMAND = ["predict", "table.npz", MODEL, "--keep", 2, "--k", 2, "--samples", 3000, "--seed", 4]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def theorem_s(counts: np.ndarray, labels: np.ndarray, manifest: Manifest) -> np.ndarray:
    """How far at least m of the labels stay, by bounds of all classes."""
    lower, upper = simultaneous_bounds(counts, alpha=0.001)
    space = {"num_features": manifest.num_features, "num_kept": manifest.noise.kept}
    return stay_radius(lower, upper, labels, k=labels.shape[1], **space)


def test_each_label_has_its_own_radius_or_abstains_alone(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*COMMAND)
    assert run.code == 0, run.err
    kept = topcert(*COMMAND, "--out", "o")
    assert "alpha = 0.001" in run.err
    assert kept.out == run.out == Path("o/predictions.csv").read_text()
    ledger = Ledger.open(Path("o"))
    counts = ledger.counts()
    labels = most_voted(counts, 2)
    radii = radii_of(
        METHOD, counts, None, smoothing=smoothing_of(ledger.manifest), ks=[2], alpha=0.001
    ).radius[:, :, 0]
    rows = rows_of(run.out)
    assert [(int(row["index"]), int(row["rank"])) for row in rows] == [
        (i, rank) for i in range(8) for rank in (1, 2)
    ]
    assert [int(row["label"]) for row in rows] == labels.reshape(-1).tolist()
    assert [int(row["votes"]) for row in rows] == np.take_along_axis(
        counts, labels, axis=1
    ).reshape(-1).tolist()
    shown = [-1 if row["radius"] == "abstains" else int(row["radius"]) for row in rows]
    assert shown == radii.reshape(-1).tolist()
    stay = [-1 if row["stay"] == "abstains" else int(row["stay"]) for row in rows]
    expected = theorem_s(counts, labels, ledger.manifest)
    assert stay == expected.reshape(-1).tolist()
    assert (expected >= -np.sort(-radii, axis=1)).all()
    assert (expected > -np.sort(-radii, axis=1)).any()
    assert "labels that an input is shown, at least so many stay on average:" in " ".join(
        run.err.split()
    )
    some = (radii >= 0).sum(axis=1)
    # on some inputs one label abstains and the other keeps its radius
    assert {1, 2} <= set(some.tolist())
    assert (
        f"{(radii < 0).sum()} of 16 shown labels abstain, on {(some < 2).sum()} of 8 inputs"
        in " ".join(run.err.split())
    )


def test_the_radii_are_those_of_certify(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    run = ["certify", *COMMAND[1:], "--label", "predicted", "--out", "p"]
    assert topcert(*run).code == 0
    for name in (
        "certificates.parquet",
        "counts.csv",
        "accuracy.csv",
        "accuracy.png",
        "manifest.json",
    ):
        assert Path("o", name).read_bytes() == Path("p", name).read_bytes(), name
    had = [row["radius"] for row in pq.read_table("o/certificates.parquet").to_pylist()]
    assert [
        None if row["radius"] == "abstains" else int(row["radius"])
        for row in rows_of(Path("o/predictions.csv").read_text())
    ] == had


def test_the_folder_is_verified_and_evaluated(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    checked = topcert("verify", "o", "--model", MODEL, "--replay", 20)
    assert checked.code == 0, checked.err
    shown = topcert("evaluate", "o")
    assert shown.code == 0, shown.err
    assert "k = 2" in shown.out
    assert topcert(*COMMAND, "--out", "o").code == 2  # not without --resume
    again = topcert(*COMMAND[:-2], "--out", "o", "--resume")  # the seed is that of the folder
    assert again.code == 0, again.err
    assert again.out == Path("o/predictions.csv").read_text()


@pytest.mark.parametrize(
    "column", ["index", "rank", "label", "votes", "radius", "stay", "unit", "alpha"]
)
def test_a_changed_cell_of_predictions_is_found(
    workplace: Path, topcert: Callable[..., Outcome], column: str
) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    path = Path("o/predictions.csv")
    lines = [line.split(",") for line in path.read_text().splitlines()]
    place = lines[0].index(column)
    row = next(
        row for row in range(1, len(lines)) if lines[row][lines[0].index("radius")] != "abstains"
    )
    was = lines[row][place]
    lines[row][place] = {"unit": "pixel", "alpha": "0.0001"}.get(
        column, str(int(was) + 1) if was.isdecimal() else "7"
    )
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    found = topcert("verify", "o")
    assert found.code == 1
    assert "predictions.csv is not what the votes show" in " ".join(found.out.split())


def test_predictions_of_an_earlier_release_are_kept_and_damaged_ones_written_again(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    path = Path("o/predictions.csv")
    written = path.read_text()
    lines = [line.split(",") for line in written.splitlines()]
    place = lines[0].index("stay")
    older = "\n".join(",".join(line[:place] + line[place + 1 :]) for line in lines) + "\n"
    path.write_text(older)
    assert topcert("verify", "o").code == 0
    for found, kept in ((older, older), ("\0", written), (older.replace("0", "1"), written)):
        path.write_text(found)
        assert topcert(*COMMAND, "--out", "o", "--resume").code == 0
        assert path.read_text() == kept


@pytest.mark.parametrize("text", ["", "nonsense\n", "index,rank,label\n", "\0"])
def test_predictions_that_are_none_are_found(
    workplace: Path, topcert: Callable[..., Outcome], text: str
) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    Path("o/predictions.csv").write_text(text)
    assert topcert("verify", "o").code in (1, 2)


def test_predictions_for_another_k_stand_beside_certificates_of_certify(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = ["certify", *COMMAND[1:], "--out", "o"]
    assert topcert(*run).code == 0
    before = Path("o/certificates.parquet").read_bytes()
    assert topcert(*COMMAND, "--out", "o", "--k", 3, "--alpha", 0.05, "--resume").code == 0
    assert Path("o/certificates.parquet").read_bytes() == before
    assert len(rows_of(Path("o/predictions.csv").read_text())) == 24
    assert topcert("verify", "o").code == 0


def test_predictions_of_the_release_before_are_still_checked(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    made = predict_labels(Ledger.open(Path("o")), k=2, alpha=0.001)
    path = Path("o/predictions.csv")
    lines = older_rows(made)
    assert {line[1] for line in lines} == {"rank", "abstain", "1", "2"}
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    assert topcert("verify", "o").code == 0
    whole = next(line for line in lines if line[1] == "1")
    whole[4] = str(int(whole[4]) + 1)
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    assert topcert("verify", "o").code == 1
    none = [
        line if place == 0 else [line[0], "abstain", "", "", "", line[5], line[6]]
        for place, line in enumerate(lines)
    ]
    assert len({line[0] for line in none[1:]}) == 8
    path.write_text("".join(",".join(line) + "\n" for line in none))
    assert topcert("verify", "o").code == 1  # two lines an input, and votes that do show labels


def test_photographs_go_by_their_files_and_labels_by_their_classes(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    generator = np.random.default_rng(3)
    files = ["bee/10.png", "cat/x, y.png"]
    for name in files:
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (4, 3, 3), np.uint8)).save(Path("photos", name))
    command = [
        "predict",
        "photos",
        MODEL,
        "--keep",
        4,
        "--samples",
        500,
        "--encoding",
        "constant",
        "--seed",
        1,
    ]
    # two folders are no names of five classes
    assert "class" not in rows_of(topcert(*command).out)[0]
    called = ("bee", "cat", "dog", "elk", "fox")
    Path("names.txt").write_text("\n".join(called))
    command += ["--class-names", "names.txt"]
    run = topcert(*command, "--out", "o")
    assert run.code == 0, run.err
    rows = rows_of(run.out)
    assert list(rows[0]) == [
        "index",
        "name",
        "rank",
        "label",
        "class",
        "votes",
        "radius",
        "stay",
        "unit",
        "alpha",
    ]
    assert [row["name"] for row in rows] == [name for name in files for _ in range(3)]
    assert all(row["class"] == called[int(row["label"])] for row in rows)
    assert topcert("verify", "o", "--model", MODEL).code == 0
    found = json.loads(topcert(*command, "--json").out)
    assert (found["k"], found["alpha"], found["unit"], found["seed"]) == (3, 0.001, "pixel", 1)
    assert [one["name"] for one in found["inputs"]] == files
    flat = [(one["name"], label) for one in found["inputs"] for label in one["labels"]]
    for row, (name, label) in zip(rows, flat, strict=True):
        assert (row["name"], row["label"], row["votes"]) == (
            name,
            str(label["label"]),
            str(label["votes"]),
        )
        assert row["class"] == (label["class"] or "")
        assert row["radius"] == ("abstains" if label["radius"] is None else str(label["radius"]))
    for one in found["inputs"]:
        assert one["is_top_k"] == all(label["radius"] is not None for label in one["labels"])


def test_labels_of_data_without_names_go_by_the_classes_of_the_model(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("named.py").write_text(
        "from models_for_tests import _scores\n\nclass Model:\n    class_names = tuple('abcde')\n"
        "    def __call__(self, batch):\n        return _scores(batch)\n"
    )
    np.savez("bare.npz", x=np.load("table.npz")["x"])
    run = topcert("predict", "bare.npz", "named:Model", *COMMAND[3:], "--out", "o")
    assert run.code == 0, run.err
    rows = rows_of(run.out)
    first = ["index", "rank", "label", "class", "votes"]
    assert list(rows[0]) == [*first, "radius", "stay", "unit", "alpha"]
    assert all(row["class"] == "abcde"[int(row["label"])] for row in rows)
    made = pq.read_table("o/certificates.parquet").to_pylist()
    assert [row["class"] for row in made] == [row["class"] for row in rows]
    assert topcert("verify", "o", "--model", "named:Model").code == 0
    Path("o/predictions.csv").write_text(run.out.replace(",b,", ",c,", 1).replace(",a,", ",c,", 1))
    assert topcert("verify", "o").code == 1


@pytest.mark.parametrize("out", [None, "o"])
def test_what_is_said_to_be_kept_after_ctrl_c_is_kept(
    workplace: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    out: str | None,
) -> None:
    from topcert.voting import run

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    whole = run.fill
    monkeypatch.setattr(run, "fill", stop)
    stopped = topcert(*COMMAND, *([] if out is None else ["--out", out]))
    assert stopped.code == 130
    if out is None:
        assert "stopped; nothing is kept without --out" in stopped.err
        assert "--resume" not in stopped.err
        return
    assert (
        "no block of votes was finished, so o holds none: repeat the command with --resume"
        in stopped.err
    )
    monkeypatch.setattr(run, "fill", whole)
    assert topcert(*COMMAND, "--out", "o", "--resume").code == 0


def test_predict_draws_fresh_masks_unless_a_seed_is_named(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    command = [
        "predict",
        "table.npz",
        MODEL,
        "--keep",
        2,
        "--k",
        2,
        "--samples",
        100,
        "--alpha",
        0.5,
    ]
    one, other = (topcert(*command).err.split("seed")[1].split(",")[0] for _ in range(2))
    assert one != other


def test_verify_tells_of_an_alpha_that_predictions_have_for_themselves(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*COMMAND, "--out", "o").code == 0
    assert "an alpha of its own" not in topcert("verify", "o").out
    again = [*COMMAND, "--samples", 3000, "--out", "o", "--resume", "--alpha", 0.5]
    assert topcert(*again).code == 0
    Path("o/predictions.csv").write_text(topcert(*again).out)
    certify = [
        "certify",
        *COMMAND[1:],
        "--label",
        "predicted",
        "--out",
        "o",
        "--resume",
        "--alpha",
        0.001,
    ]
    assert topcert(*certify).code == 0
    found = json.loads(topcert("verify", "o", "--json").out)
    assert found["good"]
    assert any(
        line.startswith("predictions.csv has an alpha of its own, 0.5")
        for line in found["to_judge"]
    )
