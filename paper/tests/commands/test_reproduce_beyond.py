"""`topcert reproduce beyond`: from nothing, gone on with, and redrawn from the votes that are
kept.
"""

from __future__ import annotations

import csv
import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from tests.conftest import Outcome

from topcert.evaluation.results import derive
from topcert.methods.certificate_table import CertificateTable
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.voting.ledger import Ledger
from topcert.voting.replay import ReplayedMasks
from topcert_paper.beyond import measured_lines
from topcert_paper.beyond_drawing import cells_of
from topcert_paper.beyond_votes import MEASURES, asked_for
from topcert_paper.kept import open_kept

command = importlib.import_module("topcert_paper.reproduce.beyond")
ROOT = Path(__file__).parents[3]
CARRIED = ROOT / "paper" / "src" / "topcert_paper" / "votes" / "beyond"
RESULTS = ROOT / "docs" / "results" / "beyond"

MODEL = """
import numpy as np

_WEIGHTS = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)

def net():
    return lambda batch: batch[:, :3].sum(axis=(2, 3)) @ _WEIGHTS
"""
BOUNDS = ("Theorem 1, SimuEM", "Theorem 1, intersection-union")
RUN = [
    "reproduce",
    "beyond",
    "--model",
    "sums:net",
    "--limit",
    6,
    "--samples",
    60,
    "--masks",
    45,
    "--max-samples",
    64,
]


@pytest.fixture
def tiny(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six noise images of a colour each, and a network that goes by the sum of what it sees."""

    def load(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(0)
        labels = np.arange(120) % 10
        images = generator.integers(0, 120, (120, 32, 32, 3)) + generator.integers(
            0, 120, (120, 1, 1, 3)
        )
        return images.astype(np.uint8), labels

    monkeypatch.setattr("topcert.datasets.built_in_sets.load_cifar10", load)
    (workplace / "sums.py").write_text(MODEL, encoding="utf-8")
    return workplace


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_method_stands_beside_the_paper(tiny: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(*RUN, "--out", "f")
    assert run.code == 0, run.err
    rows = rows_in(Path("f/beyond.csv"))
    assert {(row["network"], row["total"], row["masks"], row["method"]) for row in rows} == {
        ("sums-net", "6", masks, method)
        for method, masks in (
            ("Theorem 1, SimuEM", "60"),
            ("Theorem 1, intersection-union", "60"),
            ("located", "60"),
            ("design", "45"),
            ("fpa", "20"),
            ("stop radius=5", "64"),
            ("stop table", "64"),
            ("stop exact", "64"),
            ("stop radius=5, located", "64"),
            ("stop table, located", "64"),
            ("stop exact, located", "64"),
            *((f"{title}, w = {w}", "60") for title in BOUNDS for w in (2, 3)),
        )
    }
    assert len(rows) == 2 * 11 + 3 * 3 * len(BOUNDS)
    assert all(float(row["seconds"]) > 0 for row in rows)
    # one by one, as certify and evaluate have it
    for row in rows:
        if "w = " in row["method"] or row["k"] == "2":
            continue  # ballots have a test of their own
        question, _, by = row["method"].removeprefix("stop ").replace("=", "").partition(", ")
        kind, k = by if by == "located" else row["method"], int(row["k"])
        name = {"design": "design", "fpa": "design"}.get(kind, "sampled")
        asked = f"sums-net.stop-{'located-' * (by == 'located')}{question}-k{k}"
        folder = Path("f/runs") / (asked if "stop" in row["method"] else f"sums-net.{name}")
        ledger = Ledger.open(folder)
        made: CertificateTable = derive(
            ledger,
            method=kind if kind in ("located", "design", "fpa") else "ablation",
            bounds="intersection-union" if kind.endswith("union") else None,
            ks=[k],
            alpha=0.0 if name == "design" else 0.001,
            label_choice="given",
            first=20 if kind == "fpa" else None,
        ).certificates
        for radius in range(16):
            share = int((made.radius >= radius).sum()) * 1000 // 6
            assert row[f"r{radius}"] == f"{share // 1000}.{share % 1000:03d}"
        if row["area"]:
            assert row["area"] == f"{np.maximum(made.radius, 0).mean():.2f}"
        spent = int(row["masks"]) if made.votes is None else made.votes.mean()
        assert row["passes"] == f"{spent:.0f}"
    text = Path("f/beyond.md").read_text(encoding="utf-8")
    assert "sums-net, k = 3" in text
    assert Path("f/beyond.png").stat().st_size > 20_000


def test_ballots_have_a_row_for_each_w_and_a_table_for_each_k(
    tiny: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*RUN, "--measure", "ballots", "--out", "f")
    assert run.code == 0, run.err
    ledger = Ledger.open(Path("f/runs/sums-net.ballots"))
    assert (ledger.manifest.depth, ledger.manifest.num_samples) == (3, 60)
    with ZipFile("f/counts/sums-net.ballots.zip") as kept:
        assert kept.namelist() == [
            *(f"counts-{w}.csv" for w in (1, 2, 3)),
            "ledger/inputs.parquet",
            "manifest.json",
        ]
    rows = rows_in(Path("f/beyond.csv"))
    titles = {
        named: [title if named == 1 else f"{title}, w = {named}" for title in BOUNDS]
        for named in (1, 2, 3)
    }
    assert [(row["k"], row["method"]) for row in rows] == [
        (k, title) for named in titles for title in titles[named] for k in ("1", "2", "3")
    ]
    for row in rows:
        named = next(named for named in titles if row["method"] in titles[named])
        rule = row["method"].removeprefix("Theorem 1, ").partition(",")[0].lower()
        asked = {
            "bounds": rule,
            "ks": [1, 2, 3] if "union" in rule else [int(row["k"])],
            "num_named": named,
        }
        made = derive(ledger, alpha=0.001, label_choice="given", **asked).certificates  # type: ignore[arg-type]
        radius = made.radius[made.k == int(row["k"])]
        for r in range(16):
            share = int((radius >= r).sum()) * 1000 // 6
            assert row[f"r{r}"] == f"{share // 1000}.{share % 1000:03d}"
    text = Path("f/beyond.md").read_text(encoding="utf-8")
    assert [f"sums-net, k = {k}\n" in text for k in (1, 2, 3)] == [True] * 3


@pytest.mark.rehearsal
def test_it_goes_on_and_is_redrawn_from_what_is_kept(
    tiny: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [
        part for name in ("sampled", "radius=5", "located-table") for part in ("--measure", name)
    ]
    some = [*RUN, *asked, "--out", "f"]
    assert topcert(*some).code == 0
    made = {path: path.read_bytes() for path in Path("f").glob("beyond.*")}
    assert sorted(path.suffix for path in made) == [".csv", ".md", ".png", ".svg"]
    assert not list(Path("f").glob("ballots.*"))
    blocks = {path: path.stat().st_mtime_ns for path in Path("f").rglob("block-*")}
    # nothing is measured twice, and what was measured stays
    again = command.reproduce_beyond(
        out="f",
        measures=["sampled", "radius=5", "located-table"],
        models=["sums:net"],
        num_samples=60,
        num_masks=45,
        max_samples=64,
        limit=6,
        progress=False,
    )
    assert set(again.paths) == set(made)
    assert {path: path.stat().st_mtime_ns for path in Path("f").rglob("block-*")} == blocks
    assert {path: path.read_bytes() for path in made} == made
    # what is kept names no folder of this machine, and is a ledger of the same votes
    with open_kept(Path("f/counts"), "sums-net.sampled") as theirs:
        kept = theirs.manifest
        assert (kept.model, kept.data_options["data_dir"]) == ("sums:net", None)
        mine = Ledger.open(Path("f/runs/sums-net.sampled"))
        assert [votes.tolist() for votes in mine.iterate_inputs()] == [
            votes.tolist() for votes in theirs.iterate_inputs()
        ]
    # unpacked, it is a folder like any other
    with ZipFile("f/counts/sums-net.sampled.zip") as packed:
        packed.extractall("unpacked")
    asked = ["--k", 3, "--alpha", 0.001, "--label", "given"]
    assert topcert("evaluate", "unpacked", "--method", "located", *asked).code == 0
    # from what is kept alone: the same bytes
    monkeypatch.setattr(command, "carried_counts", lambda *_: Path("f/counts"))
    assert topcert("reproduce", "beyond", "--from-counts", "--out", "g").code == 0
    assert {path: Path("g", path.name).read_bytes() for path in made} == made
    # and from folders, as release 0.1.0 kept them
    for packed in Path("f/counts").glob("*.zip"):
        shutil.unpack_archive(packed, packed.with_suffix(""))
        packed.unlink()
    assert topcert("reproduce", "beyond", "--from-counts", "--out", "g").code == 0
    assert {path: Path("g", path.name).read_bytes() for path in made} == made
    # a run that lost votes and all that was kept goes on from what is left: the same numbers, but
    # for the seconds
    next(Path("f/runs/sums-net.sampled/ledger").glob("block-*")).unlink()
    shutil.rmtree("f/counts")
    assert topcert(*some).code == 0
    before, after = rows_in(Path("g/beyond.csv")), rows_in(Path("f/beyond.csv"))
    assert [row["seconds"] for row in after if row["method"].startswith("stop")] == [
        "not measured"
    ] * 4
    for row in (*before, *after):
        del row["seconds"]
    assert before == after


def test_votes_of_other_inputs_are_no_rows_of_one_table(
    tiny: Path, topcert: Callable[..., Outcome]
) -> None:
    some = [*RUN, "--measure", "sampled", "--out", "f"]
    assert topcert(*some).code == 0
    assert (
        topcert(
            *[3 if part == 6 else part for part in RUN], "--measure", "table", "--out", "g"
        ).code
        == 0
    )
    for packed in Path("g/counts").glob("sums-net.*"):
        shutil.copy(packed, "f/counts")
    records = [
        json.loads((Path(part) / "counts/record.json").read_text(encoding="utf-8")) for part in "fg"
    ]
    Path("f/counts/record.json").write_text(
        json.dumps({**records[0], **records[1]}), encoding="utf-8"
    )
    run = topcert(*some)
    assert run.code == 2
    assert "has other inputs than sums-net.sampled" in run.err
    # nor is a ledger without its votes
    Path("g/counts/sums-net.stop-table-k1.zip").unlink()
    with pytest.raises(ValueError, match="there is no folder"):
        measured_lines(Path("g/counts"))


def test_damage_of_what_is_kept_is_named(tiny: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--measure", "sampled", "--out", "f").code == 0
    packed = Path("f/counts/sums-net.sampled.zip")
    whole = packed.read_bytes()
    for damaged in (whole[:200], whole[:300] + b"\0\0\0\0" + whole[304:]):
        packed.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"sums-net\.sampled\.zip is damaged"):
            measured_lines(Path("f/counts"))
    packed.write_bytes(whole)
    assert measured_lines(Path("f/counts"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--measure", "radius=6"],
            "--measure must be one of sampled, design, radius=5, table, exact, located-radius=5,",
        ),
        (["--model", "absent.onnx"], "absent.onnx"),
        (["--samples", 0], "--samples"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tiny: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert("reproduce", "beyond", *arguments, "--limit", 2, "--out", "f")
    assert run.code == 2
    assert says in run.err


def test_without_a_model_it_measures_the_carried_network(
    tiny: Path, topcert: Callable[..., Outcome]
) -> None:
    few = ["--limit", 2, "--samples", 10, "--measure", "sampled", "--out", "f"]
    run = topcert("reproduce", "beyond", *few)
    assert run.code == 0, run.err
    assert {row["network"] for row in rows_in(Path("f/beyond.csv"))} == {"compact"}
    # of several networks one that is not there is known before any work
    run = topcert(
        "reproduce", "beyond", *few[:-1], "g", "--model", "compact", "--model", "absent.onnx"
    )
    assert run.code == 2
    assert not Path("g").exists()


def test_each_measure_has_its_network_unless_one_is_named() -> None:
    assert asked_for(None, None) == [
        ("lattice-mirrored" if name.startswith("lattice") else "compact", name) for name in MEASURES
    ]
    assert ("mine.onnx", "lattice") not in asked_for(None, ["mine.onnx"])
    assert len(asked_for(None, ["mine.onnx", "mine.onnx", "compact"])) == 2 * (len(MEASURES) - 3)
    assert asked_for(["lattice"], ["mine.onnx"]) == [("mine.onnx", "lattice")]


def test_lattices_have_a_network_of_their_own_and_a_row_for_each_ballot(
    tiny: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("reproduce", "beyond", "--limit", 4, "--measure", "lattice", "--out", "f")
    assert run.code == 0, run.err
    rows = rows_in(Path("f/beyond.csv"))
    assert {
        (row["network"], row["method"], row["k"], row["masks"], row["alpha"]) for row in rows
    } == {
        ("lattice-mirrored", title if w == 1 else f"{title}, w = {w}", str(k), "25", "0")
        for title in ("design", "fpa")
        for w in (1, 2, 3)
        for k in (1, 2, 3)
    }
    assert Path("f/ballots.png").stat().st_size > 20_000
    text = Path("f/ballots.svg").read_text(encoding="utf-8")
    # a panel for k = 1, one for k = 3
    assert text.count("<!-- the paper: ResNet-110, w = 1, 100,000 random masks -->") == 2
    with open_kept(Path("f/counts"), "lattice-mirrored.lattice") as ledger:
        manifest = ledger.manifest
    shown = of_law(manifest.noise, Ablation).encoding
    assert (manifest.law, shown, manifest.depth) == ("lattice", "lattice", 3)


@pytest.mark.parametrize(("design", "masks"), [("5x6", 30), ("6x6", 36)])
def test_one_network_is_measured_on_grids_of_other_strides(
    design: str, masks: int, tiny: Path, topcert: Callable[..., Outcome]
) -> None:
    asked = ("--measure", f"lattice-{design}", "--model", "lattice")
    run = topcert("reproduce", "beyond", "--limit", 2, *asked, "--out", "f")
    assert run.code == 0, run.err
    rows = rows_in(Path("f/beyond.csv"))
    assert {(row["network"], row["masks"]) for row in rows} == {("lattice", str(masks))}
    assert {row["method"].removesuffix(", w = 2").removesuffix(", w = 3") for row in rows} == {
        f"design, lattice:{design}",
        f"fpa, lattice:{design}",
    }


@pytest.mark.skipif(not CARRIED.is_dir(), reason="no votes are carried yet")
def test_the_carried_votes_give_the_committed_table(monkeypatch: pytest.MonkeyPatch) -> None:
    committed = {
        (row["network"], row["method"], row["k"], row["masks"]): row
        for row in rows_in(RESULTS / "beyond.csv")
    }
    found = 0
    # what takes longest; of one partition `fpa` has the same radii
    longest = [method for _, method, _, _ in committed if method.startswith(("design", "located"))]
    for line in measured_lines(CARRIED, skip=longest):
        cells = cells_of(line)
        assert list(committed[cells[0], cells[1], cells[2], cells[3]].values()) == cells
        found += 1
    assert found >= len(committed) // 3
    # of located at least what single features prove
    monkeypatch.setattr(ReplayedMasks, "counts_pairs", False)
    found = 0
    for line in measured_lines(
        CARRIED, skip=[method for _, method, _, _ in committed if method != "located"]
    ):
        cells = cells_of(line)
        row = committed[cells[0], cells[1], cells[2], cells[3]]
        shares = [float(row[f"r{radius}"]) for radius in range(16)]
        assert all(share >= line.curve.at(radius) for radius, share in enumerate(shares))
        found += 1
    assert found >= 8
