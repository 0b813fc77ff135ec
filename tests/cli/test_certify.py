"""`topcert certify`: what it writes, what it refuses, and that nothing already computed is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

import topcert as tc
from tests.conftest import Outcome
from topcert.randomization.masks import draw_masks
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest

BASE = ["certify", "table.npz", "models_for_tests:linear", "--keep", 4, "--samples", 200]


def test_the_folder_holds_everything_and_it_agrees(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*BASE, "--k", 1, "--k", 3, "--alpha", 0.01, "--out", "o")
    assert run.code == 0, run.err
    assert {
        "manifest.json",
        "counts.csv",
        "certificates.parquet",
        "accuracy.csv",
        "accuracy.png",
        "accuracy.svg",
    } <= {path.name for path in Path("o").iterdir()}
    ledger = Ledger.open(Path("o"))
    counts = ledger.counts()
    table = pyarrow.csv.read_csv("o/counts.csv")
    assert table.column_names == ["0", "1", "2", "3", "4", "label"]
    assert np.array_equal(np.stack([table.column(str(j)) for j in range(5)], axis=1), counts)
    made = pq.read_table("o/certificates.parquet").to_pylist()
    labels = np.load("table.npz")["y"]
    lower, upper = tc.simultaneous_bounds(counts, alpha=0.01, labels=labels)
    radii = tc.certified_radius(lower, upper, labels, k=[1, 3], num_features=12, num_kept=4)
    expected = [
        {
            "index": i,
            "label": int(labels[i]),
            "k": k,
            "radius": None if radii[i, column] == tc.ABSTAIN else int(radii[i, column]),
            "unit": "column",
            "method": "ablation",
            "alpha": 0.01,
            "label_choice": "given",
        }
        for i in range(8)
        for column, k in enumerate([1, 3])
    ]
    assert made == expected


def test_a_folder_may_be_called_as_a_design_is(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    # to the library that reads columns, a relative path with a colon is an address
    assert topcert(*BASE, "--out", "lattice:5x5").code == 0
    assert topcert(*BASE, "--out", "lattice:5x5", "--resume").code == 0
    assert topcert("evaluate", "lattice:5x5", "--k", 2).code == 0
    assert topcert("verify", "lattice:5x5").code == 0


def test_votes_are_those_of_a_program_written_from_the_description(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*BASE, "--out", "o", "--seed", 9).code == 0
    import models_for_tests

    x = np.load("table.npz")["x"]
    kept = draw_masks(seed=9, start=0, stop=200, num_features=12, num_kept=4)
    for position, votes in enumerate(Ledger.open(Path("o")).iterate_inputs()):
        shown = np.full((200, 12), -1.0, np.float32)
        np.put_along_axis(shown, kept.astype(np.int64), x[position][kept], axis=1)
        assert np.array_equal(votes[:, 0], models_for_tests.linear()(shown).argmax(1))


def test_predicted_labels_come_most_voted_first(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*BASE, "--out", "o", "--label", "predicted", "--k", 2).code == 0
    counts = Ledger.open(Path("o")).counts()
    made = pq.read_table("o/certificates.parquet").to_pylist()
    assert len(made) == 16
    for i in range(8):
        rows = [row["label"] for row in made if row["index"] == i]
        assert rows == np.argsort(-counts[i], kind="stable")[:2].tolist()


def test_without_labels_the_predicted_ones_are_certified(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez("bare.npz", x=np.load("table.npz")["x"])
    run = topcert(
        "certify",
        "bare.npz",
        "models_for_tests:linear",
        "--keep",
        4,
        "--samples",
        100,
        "--out",
        "o",
    )
    assert run.code == 0
    assert "share of inputs whose prediction is certified at r" in run.out
    given = topcert(
        "certify",
        "bare.npz",
        "models_for_tests:linear",
        "--keep",
        4,
        "--samples",
        100,
        "--out",
        "p",
        "--label",
        "given",
    )
    assert given.code == 2
    assert "--label predicted" in given.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--keep", 13], "1 .. 12"),
        (["--keep", 0], "--keep must be at least 1, got 0"),
        (["--k", 5], "--k must lie in 1 .. 4"),
        (["--k", 0], "--k must lie in 1 .. 4"),
        (["--alpha", 0], "--alpha must lie in (0, 1)"),
        (["--alpha", 1], "--alpha must lie in (0, 1)"),
        (["--alpha", "nan"], "--alpha must lie in (0, 1)"),
        (["--samples", 0], "--samples"),
        (["--seed", -1], "--seed"),
        (["--label", "guessed"], "--label"),
        (["--encoding", "seven-channel"], "six-channel"),
        (["--encoding", "keep-only"], "keep-only"),
        (["--unit", "pixel"], "pixel"),
        (["--unit", "atom"], "atom"),
        (["--limit", 0], "--limit"),
        (["--stride", 0], "--stride"),
        (["--batch-size", 0], "--batch-size"),
        (["--fill", "inf"], "finite"),
        (["--encoding", "mean", "--fill", "0.5"], "--fill"),
    ],
)
def test_bad_parameters_are_refused_before_any_work(
    workplace: Path, topcert: Callable[..., Outcome], change: list[object], says: str
) -> None:
    run = topcert(*BASE, "--out", "o", *change)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1
    assert not Path("o").exists()


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nan", "scores that are NaN or infinite"),
        ("noisy", "deterministic"),
        ("labels", "--classes"),
        ("out_of_range", "--classes"),
        ("absent", "no absent"),
    ],
)
def test_bad_models_are_refused(
    workplace: Path, topcert: Callable[..., Outcome], model: str, says: str
) -> None:
    run = topcert(
        "certify",
        "table.npz",
        f"models_for_tests:{model}",
        "--keep",
        4,
        "--samples",
        50,
        "--out",
        "o",
    )
    assert run.code == 2
    assert says in run.err


def test_labels_out_of_range_are_refused(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(
        *BASE[:2], "models_for_tests:out_of_range", *BASE[3:], "--classes", 5, "--out", "o"
    )
    assert run.code == 2
    assert "label 99" in run.err


def test_data_labels_beyond_the_model_are_refused(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez("many.npz", x=np.load("table.npz")["x"], y=np.arange(8))
    run = topcert("certify", "many.npz", *BASE[2:], "--out", "o")
    assert run.code == 2
    assert "label 7" in run.err


def test_a_model_that_changes_its_mind_stops_the_run_and_says_so(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        *BASE[:2], "models_for_tests:drifting", *BASE[3:], "--batch-size", 50, "--out", "o"
    )
    assert run.code == 2
    assert "deterministic" in run.err
    assert list(Path("o/ledger").glob("block-*"))  # what was computed is kept


def test_a_second_run_needs_resume_and_the_same_parameters(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*BASE, "--out", "o").code == 0
    before = {path: path.read_bytes() for path in Path("o/ledger").glob("*.parquet")}
    again = topcert(*BASE, "--out", "o")
    assert again.code == 2
    assert "--resume" in again.err
    for change in (
        ["--seed", 1],
        ["--samples", 100],
        ["--keep", 5],
        ["--batch-size", 7],
        ["--encoding", "constant"],
    ):
        other = topcert(*BASE, *change, "--out", "o", "--resume")
        assert other.code == 2, change
        assert "resume with the same" in other.err
    np.savez("other.npz", x=np.load("table.npz")["x"] * 0.5, y=np.load("table.npz")["y"])
    assert topcert("certify", "other.npz", *BASE[2:], "--out", "o", "--resume").code == 2
    assert {path: path.read_bytes() for path in Path("o/ledger").glob("*.parquet")} == before
    assert topcert(*BASE, "--out", "o", "--resume", "--k", 2, "--alpha", 0.05).code == 0
    assert set(pq.read_table("o/certificates.parquet").column("k").to_pylist()) == {2}


@pytest.mark.parametrize("encoding", ["six-channel", "constant", "mean", "median", "sentinel"])
def test_every_encoding_of_a_table_runs_and_verifies(
    workplace: Path, topcert: Callable[..., Outcome], encoding: str
) -> None:
    assert topcert(*BASE, "--encoding", encoding, "--out", "o").code == 0
    assert topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 20).code == 0


def test_sets_of_points_run_and_verify(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    np.savez("points.npz", x=np.random.default_rng(0).random((3, 30, 3)), y=np.array([0, 1, 2]))
    run = topcert(
        "certify",
        "points.npz",
        "models_for_tests:linear",
        "--keep",
        6,
        "--samples",
        64,
        "--out",
        "o",
        "--k",
        2,
    )
    assert run.code == 0, run.err
    assert "points" in run.out
    assert topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 5).code == 0


def test_images_by_pixel_and_by_feature_differ_in_d(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez(
        "images.npz",
        x=np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3)).astype(np.uint8),
        y=np.zeros(3, int),
    )
    for unit, size in (("pixel", 30), ("feature", 90)):
        run = topcert(
            "certify",
            "images.npz",
            "models_for_tests:linear",
            "--keep",
            3,
            "--samples",
            64,
            "--out",
            unit,
            "--unit",
            unit,
        )
        assert run.code == 0, run.err
        assert Ledger.open(Path(unit)).manifest.num_features == size


def test_the_carried_network_certifies_images(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    np.savez("images.npz", x=images, y=np.array([3, 5]))
    run = topcert("certify", "images.npz", "compact", "--keep", 50, "--samples", 100, "--out", "o")
    assert run.code == 0, run.err
    assert Ledger.open(Path("o")).counts().sum(axis=1).tolist() == [100, 100]
    assert topcert("verify", "o", "--model", "compact", "--replay", 3).code == 0
    wrong = topcert(
        "certify", "images.npz", "compact", "--keep", 50, "--encoding", "constant", "--out", "p"
    )
    assert wrong.code == 2
    assert "(6, 32, 32)" in wrong.err
    assert "(3, 32, 32)" in wrong.err


def test_a_class_without_test_images_shifts_no_label(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    names = ("ant", "bee", "cat", "dog", "elk")
    for name in ("bee", "elk"):
        Path("data", name).mkdir(parents=True)
        Image.new("L", (4, 3), 90).save(Path("data", name, "0.png"))
    (Path("data") / "ant").mkdir()
    command = (
        "certify",
        "data",
        "models_for_tests:linear",
        "--keep",
        4,
        "--samples",
        20,
        "--encoding",
        "constant",
    )
    refused = topcert(*command, "--out", "o")
    assert refused.code == 2
    assert (
        "data has 2 classes, 'bee', 'elk', and models_for_tests:linear has 5 that it does not name"
        in refused.err
    )
    assert not Path("o").exists()
    Path("names.txt").write_text("\n".join(names))
    run = topcert(*command, "--class-names", "names.txt", "--out", "o")
    assert run.code == 0, run.err
    assert "passed over 1 (a folder without pictures, so no class): ant/" in run.err
    ledger = Ledger.open(Path("o"))
    assert ledger.read_inputs()[1].tolist() == [1, 4]  # type: ignore[union-attr]
    assert ledger.manifest.data_options["class_names"] == list(names)
    assert topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 3).code == 0
    predicted = topcert(*command, "--label", "predicted", "--out", "p")
    assert predicted.code == 0, predicted.err
    assert "note: labels are left out" in predicted.err
    assert Ledger.open(Path("p")).read_inputs()[1] is None
    assert topcert("verify", "p", "--model", "models_for_tests:linear", "--replay", 3).code == 0


def test_a_flat_folder_is_certified_for_the_labels_it_gets(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("data").mkdir()
    for number, suffix in enumerate(("png", "webp", "bmp", "tif", "gif")):
        Image.new("L", (9, 6 + number), 90).save(Path("data", f"{number}.{suffix}"))
    Path("data", "bad.jpg").write_bytes(b"none")
    command = (
        *(
            "certify",
            "data",
            "models_for_tests:linear",
            "--keep",
            4,
            "--samples",
            20,
            "--encoding",
            "constant",
        ),
        *("--resize", 5, "--crop", 4, "--out", "o"),
    )
    assert (
        "--label given needs labels"
        in topcert(*command, "--skip-unreadable", "--label", "given").err
    )
    unreadable = topcert(*command, "--label", "predicted")
    assert "bad.jpg cannot be read as an image (its format is unknown); remove" in unreadable.err
    assert "--skip-unreadable" in unreadable.err
    run = topcert(*command, "--label", "predicted", "--skip-unreadable")
    assert run.code == 0, run.err
    assert "left out 1 of 6 pictures, which cannot be read: bad.jpg" in run.err
    promise = " ".join(run.out.split())
    assert (
        "4 x 4 x 3 array (a picture after decoding and orientation, its shorter side resized to 5,"
        " cut to" in promise
    )
    ledger = Ledger.open(Path("o"))
    assert ledger.manifest.input_shape == (4, 4, 3)
    options = ledger.manifest.data_options
    assert (options["resize"], options["crop"], options["skip_unreadable"]) == (5, 4, True)
    assert ledger.read_inputs()[0].tolist() == [0, 1, 2, 3, 4]
    again = topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 3)
    assert again.code == 0
    # every command says what an attacker of a picture can do
    reached = "f a picture before it is resized, one changed pixel may move every pixel of the"
    assert f"O{reached}" in promise
    assert f"O{reached}" in " ".join(topcert("evaluate", "o").out.split())
    assert f"o{reached}" in again.out
    shown = topcert("predict", *command[1:-2], "--skip-unreadable")
    assert f"abstains nothing is claimed; o{reached}" in shown.err


@pytest.mark.parametrize(
    "options", [("--range", -3, 3), ("--range", 0, 255, "--encoding", "infill")]
)
def test_a_range_is_recorded_and_read_again(
    workplace: Path, topcert: Callable[..., Outcome], options: tuple[object, ...]
) -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(options[1], options[2], (2, 6, 7, 3))  # type: ignore[arg-type]
    np.savez("x.npz", x=x, y=[0, 1])
    command = (
        "certify",
        "x.npz",
        "models_for_tests:linear",
        "--keep",
        5,
        "--samples",
        40,
        "--out",
        "o",
    )
    refused = topcert(*command, "--encoding", "constant")
    assert refused.code == 2
    assert "values of images lie in [0, 1]" in refused.err
    run = topcert(*command, *options)
    assert run.code == 0, run.err
    assert Manifest.read(Path("o/manifest.json")).data_options["range"] == [
        float(str(end)) for end in options[1:3]
    ]
    assert topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 5).code == 0
    narrow = topcert(
        "certify", "x.npz", "models_for_tests:linear", "--keep", 5, "--range", -1, 1, "--out", "p"
    )
    assert "outside the range -1.0 .. 1.0 that is given" in narrow.err


def test_an_estimator_on_names_is_matched_by_them(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    classes = np.arange(12)
    x = np.repeat((classes / 11)[:, None], 6, axis=1)
    Path("named_models.py").write_text(
        "import numpy as np\nfrom sklearn.neighbors import KNeighborsClassifier\nx ="
        " np.repeat(np.arange(12) / 11, 3)[:, None].repeat(6, 1)\ndef text():\n    return"
        " KNeighborsClassifier(1).fit(x, np.repeat(np.arange(12), 3).astype(str))\n"
    )
    command = ("named_models:text", "--keep", 6, "--k", 1, "--samples", 100)
    np.savez("numbers.npz", x=x, y=classes)
    doubt = topcert("certify", "numbers.npz", *command, "--out", "o")
    assert doubt.code == 2
    assert "is a name or a place is in doubt; store names, y.astype(str)" in doubt.err
    np.savez("names.npz", x=x, y=classes.astype(str))
    run = topcert("certify", "names.npz", *command, "--out", "o")
    assert run.code == 0, run.err
    assert Path("o/accuracy.csv").read_text().splitlines()[1].startswith("1,0,12,12,1.0")
