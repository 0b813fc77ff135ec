"""`certify`, `evaluate`, `verify` and `radius` with every method: Gaussian and discrete noise,
selected labels.
"""

from __future__ import annotations

import csv
import importlib
import io
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.test_verify import forge, rewrite_certificates, rewrite_manifest
from tests.conftest import Outcome
from topcert.evaluation.results import derive, smoothing_of, write_results
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.randomization.discrete_shifts import draw_shifts, law_error
from topcert.randomization.grid_noise import ALGORITHM as ROUNDED
from topcert.randomization.grid_noise import draw_steps
from topcert.randomization.grid_noise import law_error as gaussian_error
from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.confidence import lower_bound, simultaneous_bounds
from topcert.theory.discrete_radius import lee_radius
from topcert.voting import sampling
from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter

BRIGHTNESS = '''
"""Labels dark, grey and bright images, and two classes that there are none of; also ablated
ones.
"""
import numpy as np

CENTRES = np.array([0.1, 0.5, 0.9, 4.0, 5.0])

def scores(batch):
    if batch.shape[1] == 6:
        shown = batch[:, :3].sum((1, 2, 3)) / np.maximum(batch.sum((1, 2, 3)), 1e-9)
    else:
        shown = batch.mean((1, 2, 3), dtype=np.float64)
    return -np.abs(shown[:, None] - CENTRES)

def model():
    return scores

def faded():
    """For noise that keeps one value in five."""
    def scores(batch):
        shown = (batch.mean((1, 2, 3), dtype=np.float64) - 0.4) / 0.2
        return -np.abs(shown[:, None] - CENTRES)

    return scores
'''
NOISE: dict[str, list[object]] = {
    "ablation": ["--keep", 4],
    "levine-feizi": ["--keep", 4],
    "levine-feizi-simuem": ["--keep", 4],
    "cohen": ["--sigma", 1],
    "jia-2020": ["--sigma", 1],
    "lee": ["--keep-probability", "0.2"],
}
VALUES = np.clip(
    np.array([26, 230, 128, 26, 128])[:, None, None, None]
    + np.random.default_rng(0).integers(-20, 21, (5, 10, 10, 3)),
    0,
    255,
).astype(np.uint8)
LABELS = np.array([0, 2, 1, 4, 1])  # the fourth one is wrong
FIRST, SAMPLES = 30, 270


def lay_out(folder: Path) -> None:
    """images.npz, 5 images of 10 x 10 pixels in 3 colours, and a model with 5 classes."""
    (folder / "brightness_for_tests.py").write_text(BRIGHTNESS)
    np.savez(folder / "images.npz", x=VALUES, y=LABELS)


def model(method: str) -> str:
    return f"brightness_for_tests:{'faded' if method == 'lee' else 'model'}"


def command(method: str, *more: object, out: str = "o") -> list[object]:
    selection = (
        [] if method in ("ablation", "levine-feizi-simuem", "jia-2020") else ["--selection", FIRST]
    )
    run = [
        "certify",
        "images.npz",
        model(method),
        "--method",
        method,
        *NOISE[method],
        *selection,
        "--samples",
        SAMPLES,
    ]
    return [*run, "--alpha", 0.05, "--batch-size", 64, "--out", out, *more]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.import_module("topcert.report.keep_results"),
        "draw_results",
        lambda *_, **__: None,
    )


@pytest.fixture
def pictures(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(workplace)
    monkeypatch.delitem(sys.modules, "brightness_for_tests", raising=False)
    return workplace


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of every method, each made once; see `run_of`."""
    folder = tmp_path_factory.mktemp("runs")
    lay_out(folder)
    return folder


@pytest.fixture
def run_of(runs: Path, pictures: Path, topcert: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`run_of(method)` puts a finished run into o (or another folder) and tells what the command
    said.
    """

    def make(method: str, out: str = "o") -> Outcome:
        kept = runs / method
        if not kept.exists():
            run = topcert(*command(method, out="made"))
            assert run.code == 0, run.err
            shutil.move("made", kept)
            (runs / f"{method}.txt").write_text(run.out)
        shutil.copytree(kept, out)
        return Outcome(code=0, out=(runs / f"{method}.txt").read_text(), err="")

    return make


def read(folder: str = "o") -> tuple[Ledger, CertificateTable]:
    return Ledger.open(Path(folder)), CertificateTable.read(Path(folder, "certificates.parquet"))[0]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def assert_same(one: CertificateTable, other: CertificateTable) -> None:
    for name in ("index", "label", "k", "radius"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.unit, one.method, one.alpha, one.label_choice) == (
        other.unit,
        other.method,
        other.alpha,
        other.label_choice,
    )
    assert (one.l2_radius is None) == (other.l2_radius is None)
    if one.l2_radius is not None and other.l2_radius is not None:
        np.testing.assert_array_equal(one.l2_radius, other.l2_radius)


# What certify writes.


@pytest.mark.parametrize("method", NOISE)
def test_the_folder_of_every_method_holds_what_follows_from_its_votes(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome], method: str
) -> None:
    run = run_of(method)
    ledger, made = read()
    votes = np.stack(list(ledger.iterate_inputs()))[:, :, 0]
    selects = find_vote_method(method).selects
    first = FIRST if selects else 0
    assert votes.shape == (5, first + SAMPLES)
    counts = [np.bincount(row[first:], minlength=5).tolist() for row in votes]
    assert ledger.counts().tolist() == counts
    table = [
        [int(cell) for cell in row.values()] for row in rows_of(Path("o/counts.csv").read_text())
    ]
    assert table == [[*row, label] for row, label in zip(counts, LABELS.tolist(), strict=True)]
    shown = (
        np.array([np.bincount(row[:first], minlength=5).argmax() for row in votes])
        if selects
        else LABELS
    )
    assert made.label.tolist() == shown.tolist()
    assert made.label_choice == ("selected" if selects else "given")
    k = 3 if method in ("ablation", "jia-2020") else 1
    assert set(made.k.tolist()) == {k}
    wanted = certify(
        find_vote_method(method),
        np.array(counts),
        smoothing=smoothing_of(ledger.manifest),
        labels=shown,
        label_choice="given",
        ks=[k],
        alpha=0.05,
    )
    assert made.radius.tolist() == wanted.radius.tolist()
    assert (made.radius == ABSTAIN).any() == (not selects)  # the wrong label is never selected
    assert made.radius.max() >= 1
    assert (made.l2_radius is not None) == (isinstance(ledger.manifest.noise, Gaussian))
    assert "The certified input is the 10 x 10 x 3 array" in " ".join(run.out.split())
    assert "rewrites up to r of its pixels" in " ".join(run.out.split())
    assert (
        topcert("verify", "o", "--model", model(method), "--data", "images.npz", "--replay", 5).code
        == 0
    )


def plain_gaussian(image: np.ndarray, seed: int, count: int) -> np.ndarray:
    """sigma 1 is 4080 steps of 1 / (255 * 16)."""
    noise = draw_steps(seed=seed, start=0, stop=count, width=300, sigma=1.0).reshape(
        count, 3, 10, 10
    )
    return ((image.transpose(2, 0, 1).astype(int) * 16 + noise) / (255 * 16)).astype(np.float32)


def plain_discrete(image: np.ndarray, seed: int, count: int) -> np.ndarray:
    shifts = draw_shifts(
        seed=seed, start=0, stop=count, width=300, keep_probability=Fraction(1, 5), num_values=256
    )
    values = (image.transpose(2, 0, 1).astype(int) + shifts.reshape(count, 3, 10, 10)) % 256
    return (values / 255).astype(np.float32)


@pytest.mark.parametrize(("method", "plain"), [("cohen", plain_gaussian), ("lee", plain_discrete)])
def test_votes_are_those_of_a_program_written_from_the_description(
    pictures: Path,
    topcert: Callable[..., Outcome],
    method: str,
    plain: Callable[[np.ndarray, int, int], np.ndarray],
) -> None:
    assert topcert(*command(method, "--seed", 9, "--limit", 2)).code == 0
    scores = getattr(
        importlib.import_module("brightness_for_tests"), model(method).partition(":")[2]
    )()
    for position, votes in enumerate(read()[0].iterate_inputs()):
        shown = plain(VALUES[position], 9, FIRST + SAMPLES)
        np.testing.assert_array_equal(votes[:, 0], scores(shown).argmax(1))


def test_a_value_of_a_pixel_can_be_the_unit(
    pictures: Path, topcert: Callable[..., Outcome]
) -> None:
    for method in ("cohen", "lee"):
        assert topcert(*command(method, "--unit", "feature", out=method)).code == 0
        ledger, made = read(method)
        assert ledger.manifest.num_features == 300
        assert made.unit == "feature"
        pixels = derive(ledger, method=method, ks=[1], alpha=0.05)
        assert pixels.certificates.radius.tolist() == made.radius.tolist()
        if made.l2_radius is not None:
            assert made.radius.tolist() == [
                int(np.ceil(float(l2) ** 2)) - 1 for l2 in made.l2_radius
            ]


def test_a_first_sample_is_drawn_where_it_is_asked_for_and_certifies_nothing(
    pictures: Path, topcert: Callable[..., Outcome]
) -> None:
    run = command("cohen", out="default")
    run[run.index("--selection") : run.index("--selection") + 2] = []
    assert topcert(*run).code == 0
    assert read("default")[0].manifest.num_selection == 100  # as Cohen et al. do
    assert topcert(*command("ablation", "--label", "selected", out="asked")).code == 0
    ledger, made = read("asked")
    assert (ledger.manifest.num_selection, made.label_choice) == (100, "selected")
    assert made.label.tolist() == ledger.selection_counts().argmax(axis=1).tolist()  # type: ignore[union-attr]
    run[run.index("default")] = "given"
    assert topcert(*run, "--label", "given").code == 0
    ledger, made = read("given")
    assert (ledger.manifest.num_selection, made.label_choice) == (0, "given")
    assert ledger.selection_counts() is None
    assert topcert(*command("cohen", "--label", "predicted", out="predicted")).code == 0
    ledger, made = read("predicted")
    assert made.label.tolist() == ledger.counts().argmax(axis=1).tolist()


# Interrupted and resumed.


@pytest.mark.parametrize("method", ["cohen", "lee"])
def test_stopped_at_work_and_resumed_the_folder_is_the_same_byte_for_byte(
    pictures: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
    assert topcert(*command(method, out="whole")).code == 0
    votes = Voter.votes
    for stop in (9, 17):
        left = stop

        def stopped(
            self: Voter, position: int, start: int, end: int, **options: bool
        ) -> np.ndarray:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return votes(self, position, start, end, **options)

        monkeypatch.setattr(Voter, "votes", stopped)
        run = topcert(*command(method, "--resume", out="cut"))
        assert run.code == 130
        assert not Path("cut/certificates.parquet").exists()
        assert (
            0 < len(Ledger.open(Path("cut")).missing_blocks()) < Ledger.open(Path("cut")).num_blocks
        )
    monkeypatch.setattr(Voter, "votes", votes)
    assert topcert(*command(method, "--resume", out="cut")).code == 0
    files = sorted(path.relative_to("whole") for path in Path("whole").rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to("cut") for path in Path("cut").rglob("*") if path.is_file()
    )
    assert len(files) > 20
    for name in files:
        assert Path("whole", name).read_bytes() == Path("cut", name).read_bytes(), name


@pytest.mark.parametrize(
    ("method", "change", "name"),
    [
        ("cohen", ["--sigma", 0.5], "sigma"),
        ("cohen", ["--selection", 31], "num_selection"),
        ("cohen", ["--samples", 271], "num_samples"),
        ("lee", ["--keep-probability", "0.7"], "keep_probability"),
        ("lee", ["--seed", 1], "seed"),
    ],
)
def test_a_run_is_not_resumed_under_another_parameter(
    run_of: Callable[..., Outcome],
    topcert: Callable[..., Outcome],
    method: str,
    change: list[object],
    name: str,
) -> None:
    run_of(method)
    other = topcert(*command(method, *change, "--resume"))
    assert other.code == 2
    assert f"was started with {name} = " in other.err
    noise = "lee" if method == "cohen" else "cohen"
    assert "was started with" in topcert(*command(noise, "--resume")).err


def test_another_method_of_the_noise_takes_over_a_folder_on_resume(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome]
) -> None:
    run_of("levine-feizi")
    votes = read()[0].block_path(0).read_bytes()
    run = command("levine-feizi", "--resume")
    run[run.index("levine-feizi")] = "ablation"
    assert topcert(*run).code == 0
    ledger, made = read()
    assert ledger.block_path(0).read_bytes() == votes
    assert (made.method, made.label_choice, set(made.k.tolist())) == ("ablation", "given", {3})


# Another method on the same votes.


@pytest.mark.parametrize(
    ("made_by", "evaluated_by"),
    [
        ("cohen", "jia-2020"),
        ("jia-2020", "cohen"),
        ("levine-feizi", "ablation"),
        ("ablation", "levine-feizi-simuem"),
    ],
)
def test_evaluate_takes_any_method_of_the_noise_without_new_passes(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome], made_by: str, evaluated_by: str
) -> None:
    run_of(made_by)
    Path("brightness_for_tests.py").unlink()
    Path("images.npz").unlink()
    ledger, method = Ledger.open(Path("o")), find_vote_method(evaluated_by)
    run = topcert("evaluate", "o", "--method", evaluated_by, "--out", "other.csv")
    assert run.code == 0, run.err
    assert f"method {method.name}" in " ".join(run.out.split())
    k = 3 if evaluated_by in ("ablation", "jia-2020") else 1
    selection = ledger.selection_counts()
    labels = selection.argmax(axis=1) if method.selects and selection is not None else LABELS
    wanted = certify(
        method,
        ledger.counts(),
        smoothing=smoothing_of(ledger.manifest),
        labels=labels,
        label_choice="given",
        ks=[k],
        alpha=0.05,
    )
    rows = rows_of(Path("other.csv").read_text())
    assert {row["k"] for row in rows} == {str(k)}
    assert len(rows) > 1
    for row in rows:
        assert (
            int(row["certified"])
            == ((wanted.radius >= int(row["radius"])) & (labels == LABELS)).sum()
        )
    assert topcert("evaluate", "o", "--out", "same.csv").code == 0
    assert Path("same.csv").read_text() == Path("o/accuracy.csv").read_text()
    assert (
        topcert(
            "evaluate",
            "o",
            "--method",
            evaluated_by,
            "--alpha",
            0.2,
            "--label",
            "predicted",
            "--k",
            1,
        ).code
        == 0
    )


def test_evaluate_refuses_a_method_of_another_noise(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome]
) -> None:
    run_of("cohen")
    for method, noise in (("lee", "discrete"), ("ablation", "ablation")):
        run = topcert("evaluate", "o", "--method", method)
        assert run.code == 2
        assert f"the method {method} needs votes under the noise {noise}, not gaussian" in run.err
    assert "k = 1 only" in topcert("evaluate", "o", "--k", 2).err
    run_of("jia-2020", "p")
    run = topcert("evaluate", "p", "--method", "cohen", "--label", "selected")
    assert run.code == 2
    assert "--selection 100" in run.err


# Verification.


def lift(name: str, by: float) -> Callable[[list[dict[str, Any]]], object]:
    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row[name] is not None)
        row[name] += by

    return change


TAMPERED: dict[str, tuple[str, Callable[[list[dict[str, Any]]], object]]] = {
    "a larger l2 radius": ("cohen", lift("l2_radius", 1e-6)),
    "a smaller l2 radius": ("jia-2020", lift("l2_radius", -1e-6)),
    "an l2 radius where it abstains": ("jia-2020", lambda rows: rows[3].update(l2_radius=0.5)),
    "no l2 radius where there is one": ("cohen", lambda rows: rows[0].update(l2_radius=None)),
    "a larger radius": ("cohen", lift("radius", 1)),
    "a larger radius under discrete noise": ("lee", lift("radius", 1)),
    "another label than was selected": ("lee", lambda rows: rows[0].update(label=1)),
    "selected passed off as given": (
        "cohen",
        lambda rows: [row.update(label_choice="given") for row in rows],
    ),
    "another method of the noise": (
        "cohen",
        lambda rows: [row.update(method="jia-2020") for row in rows],
    ),
    "another alpha": ("lee", lambda rows: [row.update(alpha=0.01) for row in rows]),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_certificates_never_pass(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome], name: str
) -> None:
    method, change = TAMPERED[name]
    run_of(method)
    assert topcert("verify", "o").code == 0
    rewrite_certificates(Path("o"), change)
    assert topcert("verify", "o").code in (1, 2)


def test_a_column_of_l2_radii_more_or_less_never_passes(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome]
) -> None:
    run_of("cohen")
    path = Path("o/certificates.parquet")
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["l2_radius"]), path)
    assert topcert("verify", "o").code == 1
    pq.write_table(
        table.set_column(8, "l2_radius", table.column("l2_radius").cast(pa.float32())), path
    )
    assert topcert("verify", "o").code == 2
    run_of("lee", "p")
    path = Path("p/certificates.parquet")
    table = pq.read_table(path)
    pq.write_table(table.append_column("l2_radius", pa.array([1.0] * 5)), path)
    assert topcert("verify", "p").code == 1


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("cohen", {"num_selection": FIRST + 100, "num_samples": SAMPLES - 100}),
        ("cohen", {"num_selection": 0, "num_samples": FIRST + SAMPLES}),
        ("cohen", {"sigma": 2.0}),
        ("lee", {"keep_probability": "0.15"}),
        (
            "lee",
            {"keep_probability": None, "noise": "gaussian", "sigma": 0.5, "algorithm": ROUNDED},
        ),
        ("levine-feizi", {"num_kept": 3}),
    ],
)
def test_another_selection_or_noise_never_passes(
    run_of: Callable[..., Outcome],
    topcert: Callable[..., Outcome],
    method: str,
    changes: dict[str, object],
) -> None:
    run_of(method)
    rewrite_manifest(Path("o"), **changes)
    assert topcert("verify", "o").code == 2  # the blocks belong to another manifest
    run_of(method, "p")
    forge(Path("p"), **changes)  # with every digest made to fit
    run = topcert("verify", "p", "--model", model(method), "--data", "images.npz", "--replay", 20)
    assert run.code in (1, 2)


@pytest.mark.parametrize(
    "value", ["0", "1", "1.5", "-0.2", "x", "1/0", "", "1e-999999999", "0." + "3" * 30, 0.8, None]
)
def test_an_unsound_keep_probability_in_a_manifest_is_refused(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome], value: object
) -> None:
    run_of("lee")
    rewrite_manifest(Path("o"), keep_probability=value)
    run = topcert("verify", "o")
    assert run.code == 2
    assert "keep_probability" in run.err


@pytest.mark.parametrize("value", [0.0, -1.0, 1, "1", float("nan"), float("inf"), None])
def test_an_unsound_sigma_in_a_manifest_is_refused(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome], value: object
) -> None:
    run_of("cohen")
    rewrite_manifest(Path("o"), sigma=value)
    run = topcert("verify", "o")
    assert run.code == 2
    assert "sigma" in run.err


@pytest.mark.parametrize("method", ["cohen", "lee", "jia-2020", "levine-feizi"])
def test_a_fresh_sample_confirms_what_holds_and_refutes_what_does_not(
    run_of: Callable[..., Outcome], topcert: Callable[..., Outcome], method: str
) -> None:
    run_of(method)
    fresh = [
        "verify",
        "o",
        "--model",
        model(method),
        "--data",
        "images.npz",
        "--fresh-seed",
        5,
        "--samples",
        1000,
    ]
    assert topcert(*fresh).code == 0
    ledger, made = read()
    wrong = (made.label + 1) % 5
    for block in range(ledger.num_blocks):
        size = len(ledger.read_block(block))
        first = ledger.schedule.offset(ledger.schedule.batches_of(block).start)
        ledger.write_block(block, wrong[(first + np.arange(size)) // ledger.manifest.num_votes])
    write_results(derive(ledger, method=method, ks=[1], alpha=0.05, label_choice="predicted"))
    assert topcert("verify", "o").code == 0  # the arithmetic follows from the votes ...
    refuted = topcert(*fresh)
    assert refuted.code == 1  # ... but the votes are not the model's
    assert "does not hold" in refuted.out


# What does not fit.

IMAGES = ["certify", "images.npz", model("cohen"), "--samples", 50]


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ([*IMAGES, "--method", "cohen"], "the noise gaussian needs --sigma"),
        ([*IMAGES, "--method", "jia-2020", "--k", 1], "the noise gaussian needs --sigma"),
        ([*IMAGES, "--method", "lee"], "the noise discrete needs --keep-probability"),
        ([*IMAGES, "--method", "levine-feizi"], "the noise ablation needs --keep"),
        (IMAGES, "the noise ablation needs --keep"),
        (
            [*IMAGES, "--keep", 4, "--sigma", 0.5],
            "--sigma belongs to the noise gaussian, not to ablation",
        ),
        (
            [*IMAGES, "--method", "cohen", "--sigma", 0.5, "--keep", 4],
            "--keep belongs to the noise ablation, not to gaussian",
        ),
        ([*IMAGES, "--method", "lee", "--keep-probability", 0.2, "--sigma", 1], "--sigma belongs"),
        (
            [*IMAGES, "--method", "cohen", "--sigma", 0.5, "--k", 3],
            "--method cohen certifies k = 1 only, got --k 3",
        ),
        (
            [*IMAGES, "--method", "lee", "--keep-probability", 0.2, "--k", 1, "--k", 2],
            "k = 1 only, got --k 1,2",
        ),
        ([*IMAGES, "--method", "levine-feizi-simuem", "--keep", 4, "--k", 3], "k = 1 only"),
        (
            [*IMAGES, "--method", "cohen", "--sigma", 0.5, "--label", "selected", "--selection", 0],
            "--selection must be pos",
        ),
        ([*IMAGES, "--method", "cohen", "--sigma", 0.5, "--selection", -1], "--selection"),
        (
            [*IMAGES, "--method", "magic", "--keep", 4],
            "unknown method 'magic'; choose one of: ablation, ",
        ),
        ([*IMAGES, "--method", "cohen", "--sigma", 0], "--sigma must lie in"),
        ([*IMAGES, "--method", "cohen", "--sigma", -1], "--sigma must lie in"),
        ([*IMAGES, "--method", "cohen", "--sigma", "inf"], "--sigma must lie in"),
        ([*IMAGES, "--method", "cohen", "--sigma", "nan"], "--sigma must lie in"),
        ([*IMAGES, "--method", "lee", "--keep-probability", 0], "--keep-probability must be"),
        ([*IMAGES, "--method", "lee", "--keep-probability", 1], "--keep-probability must be"),
        ([*IMAGES, "--method", "lee", "--keep-probability", "x"], "--keep-probability must be"),
        ([*IMAGES, "--method", "lee", "--keep-probability", "1/0"], "--keep-probability must be"),
        (
            [*IMAGES, "--method", "lee", "--keep-probability", "1e-999999999"],
            "--keep-probability must be",
        ),
        (
            [*IMAGES, "--method", "lee", "--keep-probability", "0." + "3" * 30],
            "at most nine decimals",
        ),
        (
            [*IMAGES, "--method", "cohen", "--sigma", 0.5, "--encoding", "constant"],
            "--encoding belongs to the noise ablation",
        ),
        (
            [*IMAGES, "--method", "cohen", "--sigma", 0.5, "--fill", 0.5],
            "--fill belongs to the noise ablation",
        ),
        (
            ["certify", "table.npz", model("cohen"), "--method", "cohen", "--sigma", 0.5],
            "gaussian is for images in [0, 1]",
        ),
        (
            ["certify", "table.npz", model("cohen"), "--method", "lee", "--keep-probability", 0.5],
            "discrete is for images",
        ),
        (
            ["certify", "off.npz", model("cohen"), "--method", "lee", "--keep-probability", 0.5],
            "one lies 0.500 of a step off",
        ),
        (
            ["certify", "wide.npz", model("cohen"), "--method", "cohen", "--sigma", 0.5],
            "all from 0 to 1.5",
        ),
        (
            ["certify", "wide.npz", model("cohen"), "--method", "lee", "--keep-probability", 0.5],
            "all from 0 to 1.5",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_before_any_work(
    pictures: Path, topcert: Callable[..., Outcome], run: list[object], says: str
) -> None:
    x = np.zeros((2, 10, 10, 3), np.float32)
    x[0, 3, 3, 1] = 100.5 / 255
    np.savez("off.npz", x=x, y=np.zeros(2, int))
    x[0, 3, 3, 1] = 1.5
    np.savez("wide.npz", x=x, y=np.zeros(2, int))
    made = topcert(*run, "--out", "o")
    assert made.code == 2
    assert says in made.err
    assert len(made.err.strip().splitlines()) == 1
    assert not Path("o").exists()


# Radii from counts alone.

COUNTS = np.array(
    [
        [4700, 200, 60, 30, 10],
        [3000, 1500, 300, 150, 50],
        [5000, 0, 0, 0, 0],
        [1000, 1000, 1000, 1000, 1000],
        [9, 1, 0, 0, 4990],
    ]
)
GIVEN = np.array([0, 0, 0, 1, 0])


@pytest.fixture
def counts(workplace: Path) -> None:
    lines = [
        "a,b,c,d,e,label",
        *(",".join(map(str, [*row, i])) for row, i in zip(COUNTS.tolist(), GIVEN, strict=True)),
    ]
    Path("counts.csv").write_text("\n".join(lines) + "\n")


# What `radius` is told of an input wherever the law error of its noise is to be that of a CIFAR
# image.
CIFAR: list[object] = ["--features", 1024]


def exact_l2(row: np.ndarray, label: int, k: int, sigma: float, alpha: float) -> mpmath.mpf | None:
    """The largest root over t of t Phi(z - R/sigma) = Phi(q + R/sigma), in high precision; None
    where none is positive.
    """
    lower, upper = simultaneous_bounds(row[None], alpha=alpha, labels=[label])
    error = mpmath.mpf(gaussian_error(sigma=sigma, width=3072))
    rivals = [rival + error for rival in sorted(np.delete(upper[0], label).tolist())[-k:]]
    p = mpmath.mpf(float(lower[0, label])) - error
    best = None
    for t in range(1, k + 1):
        taken = min(mpmath.fsum(rivals[:t]), 1 - p)
        low, high = mpmath.mpf(0), mpmath.mpf(20)
        z, q = (mpmath.sqrt(2) * mpmath.erfinv(2 * share - 1) for share in (p, taken))
        if t * mpmath.ncdf(z) <= mpmath.ncdf(q):
            continue
        for _ in range(110):
            middle = (low + high) / 2
            above = t * mpmath.ncdf(z - middle) > mpmath.ncdf(q + middle)
            low, high = (middle, high) if above else (low, middle)
        best = low * sigma if best is None else max(best, low * sigma)
    return best


def floored(value: mpmath.mpf) -> str:
    digits = int(mpmath.floor(value * 10**6))
    return f"{digits // 10**6}.{digits % 10**6:06d}"


@pytest.mark.usefixtures("counts")
@pytest.mark.parametrize("k", [1, 3])
def test_jia_2020_needs_neither_alpha_nor_keep_and_floors_the_l2_radius(
    topcert: Callable[..., Outcome], k: int
) -> None:
    run = topcert(
        "radius",
        "counts.csv",
        "--method",
        "jia-2020",
        "--sigma",
        0.25,
        "--channels",
        3,
        *CIFAR,
        "--k",
        k,
    )
    assert run.code == 0, run.err
    assert run.out.splitlines()[0] == "index,label,class,k,radius,l2_radius"
    rows = rows_of(run.out)
    assert [(row["index"], row["label"], row["k"]) for row in rows] == [
        (str(i), str(label), str(k)) for i, label in enumerate(GIVEN)
    ]
    with mpmath.workdps(40):
        for i, row in enumerate(rows):
            exact = exact_l2(COUNTS[i], int(GIVEN[i]), k, 0.25, 0.001)
            if exact is None:
                assert (row["radius"], row["l2_radius"]) == ("", "")
                continue
            assert row["l2_radius"] == floored(exact)
            assert row["radius"] == str(int(mpmath.ceil(exact**2 / 3)) - 1)
    assert [row["radius"] == "" for row in rows] == [False, False, False, True, True]


@pytest.mark.usefixtures("counts")
def test_many_channels_or_a_large_sigma_change_the_radius_as_they_should(
    topcert: Callable[..., Outcome],
) -> None:
    base = ["radius", "counts.csv", "--method", "jia-2020", "--k", 3]
    one, three = (
        rows_of(topcert(*base, *CIFAR, "--sigma", 2, "--channels", width).out) for width in (1, 3)
    )
    for narrow, wide in zip(one, three, strict=True):
        assert narrow["l2_radius"] == wide["l2_radius"]
        if wide["radius"]:
            square = Fraction(wide["l2_radius"]) ** 2
            assert int(wide["radius"]) * 3 < square
            assert int(narrow["radius"]) < square
    assert max(int(row["radius"] or 0) for row in one) > 3
    few = rows_of(topcert(*base, "--sigma", 2, "--channels", 1, "--features", 2).out)
    assert [row["radius"] for row in few] == [
        str(min(int(row["radius"]), 2)) if row["radius"] else "" for row in one
    ]


@pytest.mark.usefixtures("counts")
def test_methods_of_one_label_read_counts_too(topcert: Callable[..., Outcome]) -> None:
    lower = lower_bound(COUNTS[np.arange(5), GIVEN], 5000, 0.01)
    run = topcert(
        "radius",
        "counts.csv",
        "--method",
        "cohen",
        "--sigma",
        2,
        "--channels",
        3,
        *CIFAR,
        "--alpha",
        0.01,
    )
    assert run.code == 0, run.err
    for row, p in zip(rows_of(run.out), lower.tolist(), strict=True):
        assert row["k"] == "1"
        with mpmath.workdps(40):
            sure = mpmath.mpf(p) - mpmath.mpf(gaussian_error(sigma=2.0, width=3072))
            exact = 2 * mpmath.sqrt(2) * mpmath.erfinv(2 * sure - 1)
            if p <= 0.5:
                assert (row["radius"], row["l2_radius"]) == ("", "")
            else:
                assert row["l2_radius"] == floored(exact)
                assert row["radius"] == str(int(mpmath.ceil(exact**2 / 3)) - 1)
    lee = [
        "--method",
        "lee",
        "--keep-probability",
        "1/5",
        "--channels",
        3,
        "--features",
        1024,
        "--alpha",
        0.01,
    ]
    run = topcert("radius", "counts.csv", *lee)
    assert run.out.splitlines()[0] == "index,label,class,k,radius"
    values = lee_radius(lower, keep_probability="1/5", num_values=256, max_radius=1000).tolist()
    assert [row["radius"] for row in rows_of(run.out)] == [
        "" if r == ABSTAIN else str(r // 3) for r in values
    ]
    assert max(values) >= 3
    run = topcert(
        "radius",
        "counts.csv",
        "--method",
        "levine-feizi",
        "--keep",
        50,
        "--features",
        1024,
        "--alpha",
        0.01,
    )
    duel = np.stack([lower, np.zeros(5)], axis=1)
    wanted = certified_radius(
        duel, np.ones((5, 2)), np.zeros(5, int), k=1, num_features=1024, num_kept=50
    ).tolist()
    assert [row["radius"] for row in rows_of(run.out)] == [
        "" if r == ABSTAIN else str(r) for r in wanted
    ]
    options = ["--keep", 50, "--features", 1024, "--alpha", 0.01]
    one = topcert("radius", "counts.csv", "--method", "levine-feizi-simuem", *options).out
    assert one == topcert("radius", "counts.csv", *options, "--k", 1).out


@pytest.mark.usefixtures("counts")
def test_predicted_labels_come_with_l2_radii_too(topcert: Callable[..., Outcome]) -> None:
    asked = [
        "--method",
        "jia-2020",
        "--sigma",
        1,
        "--channels",
        3,
        "--k",
        2,
        "--label",
        "predicted",
    ]
    run = topcert("radius", "counts.csv", *asked, *CIFAR)
    made = certify(
        find_vote_method("jia-2020"),
        COUNTS,
        smoothing=Smoothing(
            noise=Gaussian(sigma=1.0),
            unit="feature",
            num_features=1024,
            channels=3,
            law_error=gaussian_error(sigma=1.0, width=3072),
        ),
        labels=None,
        label_choice="predicted",
        ks=[2],
        alpha=0.001,
    )
    assert made.l2_radius is not None
    rows = rows_of(run.out)
    assert [row["label"] for row in rows] == [str(label) for label in made.label]
    for row, radius, l2 in zip(rows, made.radius.tolist(), made.l2_radius.tolist(), strict=True):
        assert row["radius"] == ("" if radius == ABSTAIN else str(radius))
        assert row["l2_radius"] == ("" if radius == ABSTAIN else floored(mpmath.mpf(l2)))
    # the law error of the largest input that there may be
    unknown = topcert("radius", "counts.csv", *asked).out
    assert unknown == topcert("radius", "counts.csv", *asked, "--features", 10**7).out
    assert unknown != run.out


@pytest.mark.usefixtures("counts")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--method", "cohen", "--sigma", 1], "--method cohen needs --channels"),
        (["--method", "cohen", "--sigma", 1, "--channels", 0], "--channels"),
        (["--method", "cohen", "--channels", 3], "--method cohen needs --sigma"),
        (["--method", "cohen", "--sigma", 0, "--channels", 3], "--sigma must lie in"),
        (
            ["--method", "cohen", "--sigma", 1, "--channels", 3, "--keep", 5],
            "--keep is not an option of --method cohen",
        ),
        (["--method", "cohen", "--sigma", 1, "--channels", 3, "--k", 2], "k = 1 only"),
        (
            ["--method", "cohen", "--sigma", 1, "--channels", 3, "--label", "selected"],
            "--label selected needs a first sample",
        ),
        (
            ["--method", "lee", "--keep-probability", 2, "--channels", 3, "--features", 9],
            "--keep-probability must be",
        ),
        (["--method", "lee", "--channels", 3], "--method lee needs --keep-probability"),
        (
            ["--method", "lee", "--keep-probability", "0.2", "--channels", 3],
            "--method lee needs --features",
        ),
        (["--method", "levine-feizi", "--keep", 5], "--method levine-feizi needs --features"),
        (
            ["--keep", 5, "--features", 100, "--channels", 3],
            "--channels is for Gaussian and discrete noise",
        ),
        (["--keep", 5], "--features"),
        ([], "--keep"),
        (["--method", "magic"], "unknown method 'magic'"),
        (
            ["--method", "jia-2020", "--sigma", 1, "--channels", 3, "--features", 0],
            "--features must lie in 1",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(
    topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    run = topcert("radius", "counts.csv", *options)
    assert run.code == 2
    assert says in run.err
    assert run.out == ""
    assert len(run.err.strip().splitlines()) == 1


def test_the_error_of_the_discrete_law_is_taken_off(run_of: Callable[..., Outcome]) -> None:
    run_of("lee")
    smoothing = smoothing_of(read()[0].manifest)
    assert smoothing.law_error == law_error(width=300, num_values=256) > 0
    assert smoothing.noise_of(Discrete).share == Fraction(1, 5)
    assert (smoothing.channels, smoothing.num_features) == (3, 100)


def test_an_input_that_does_not_fit_is_named_before_the_first_pass(
    pictures: Path, topcert: Callable[..., Outcome]
) -> None:
    images = VALUES.astype(np.float32) / np.float32(255)
    images[3, 0, 0, 0] += 0.001
    np.savez("odd.npz", x=images, y=LABELS)
    arguments = [
        "odd.npz",
        model("lee"),
        "--method",
        "lee",
        "--keep-probability",
        "0.2",
        "--samples",
        50,
        "--out",
        "odd",
    ]
    run = topcert("certify", *arguments)
    assert run.code == 2
    assert "input 3: discrete noise is for 8-bit images" in run.err
    assert not list(Path("odd").rglob("block-*"))


def test_a_run_of_votes_leaves_a_folder_of_bounds_alone(
    pictures: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("o").mkdir()
    Path("o/bounds.json").write_text("{}")
    run = topcert(*command("jia-2020"))
    assert run.code == 2
    assert "choose another --out" in run.err
    assert [path.name for path in Path("o").iterdir()] == ["bounds.json"]


def test_an_option_of_the_method_without_votes_is_refused(
    pictures: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*command("jia-2020", "--max-radius", 3))
    assert run.code == 2
    assert "--max-radius is for the method chiang" in run.err


def test_a_run_goes_on_with_its_own_first_sample_whatever_label_is_asked_for(
    pictures: Path, topcert: Callable[..., Outcome]
) -> None:
    run = [
        "certify",
        "images.npz",
        model("cohen"),
        "--method",
        "cohen",
        "--sigma",
        1,
        "--samples",
        60,
        "--alpha",
        0.05,
    ]
    assert topcert(*run, "--out", "o").code == 0
    again = topcert(*run, "--out", "o", "--label", "given", "--resume")
    assert again.code == 0, again.err
    assert Ledger.open(Path("o")).manifest.num_selection == 100
