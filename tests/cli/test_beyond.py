"""`certify`, `evaluate`, `verify` and `radius` with intersection-union bounds and with located
votes.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.cli.test_methods_cli import LABELS, VALUES, lay_out
from tests.cli.test_verify import rewrite_certificates
from tests.conftest import Outcome
from topcert.evaluation.results import derive, smoothing_of, write_results
from topcert.methods.certificate_table import COLUMNS, CertificateTable
from topcert.methods.certify import certify, radii_of
from topcert.methods.registered_methods import find_method, find_sampled_method, find_vote_method
from topcert.methods.rules import RULES
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.ledger import Ledger
from topcert.voting.replay import ReplayedMasks

MODEL = "brightness_for_tests:model"
RUN = [
    "certify",
    "images.npz",
    MODEL,
    "--keep",
    4,
    "--samples",
    270,
    "--alpha",
    0.05,
    "--batch-size",
    64,
    "--k",
    1,
    "--k",
    3,
]


@pytest.fixture(scope="module")
def kept_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def run(
    workplace: Path,
    kept_run: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder o of a run under the method ablation, made once."""
    lay_out(workplace)
    spoilt = VALUES.copy()
    # a mask of four pixels that keeps one of these often errs
    spoilt[:, :2, :4] = 255 - spoilt[:, :2, :4] // 2
    np.savez(workplace / "images.npz", x=spoilt, y=LABELS)
    monkeypatch.delitem(sys.modules, "brightness_for_tests", raising=False)
    monkeypatch.setattr("topcert.report.keep_results.draw_results", lambda *_, **__: None)
    if not (kept_run / "o").exists():
        made = topcert(*RUN, "--out", "o")
        assert made.code == 0, made.err
        shutil.copytree("o", kept_run / "o")
    elif not Path("o").exists():
        shutil.copytree(kept_run / "o", "o")
    return Path("o")


def resume(topcert: Callable[..., Outcome], *more: object) -> Outcome:
    made = topcert(*RUN, "--out", "o", "--resume", *more)
    assert made.code == 0, made.err
    return made


def stored() -> tuple[CertificateTable, dict[str, Any]]:
    certificates, metadata = CertificateTable.read(Path("o/certificates.parquet"))
    return certificates, json.loads(metadata["parameters"])


OURS = {
    "intersection-union": ["--bounds", "intersection-union"],
    "located": ["--method", "located"],
}
CHOICES = pytest.mark.parametrize("choice", ["given", "predicted"])


@CHOICES
@pytest.mark.parametrize("name", OURS)
def test_they_are_derived_from_the_same_votes_and_verified(
    run: Path, topcert: Callable[..., Outcome], name: str, choice: str
) -> None:
    before, asked = stored()
    assert (before.bounds, "bounds" in asked, before.label_choice) == (None, False, "given")
    votes = Ledger.open(run).block_path(0).read_bytes()
    shown = resume(topcert, *OURS[name], "--label", choice)
    assert Ledger.open(run).block_path(0).read_bytes() == votes
    made, asked = stored()
    ledger = Ledger.open(run)
    by_rule = name == "intersection-union"
    assert made.method == ("ablation" if by_rule else "located")
    assert made.bounds == asked.get("bounds") == ("intersection-union" if by_rule else None)
    assert (
        f"method {'ablation with intersection-union bounds' if by_rule else 'located'}"
        in " ".join(shown.out.split())
    )
    wanted = certify(
        find_sampled_method(made.method),
        ledger.counts(),
        smoothing=smoothing_of(ledger.manifest),
        labels=LABELS,
        label_choice=made.label_choice,
        ks=[1, 3],
        alpha=0.05,
        bounds=made.bounds,
        votes=ReplayedMasks(ledger),
    )
    assert made.radius.tolist() == wanted.radius.tolist()
    assert made.label.tolist() == wanted.label.tolist()
    assert made.label_choice == choice
    if choice == "given":
        assert made.radius.sum() > before.radius.sum()
        assert (made.radius >= before.radius).all()
    for more in (
        [],
        ["--model", MODEL, "--replay", 5],
        ["--model", MODEL, "--fresh-seed", 9, "--samples", 300],
    ):
        checked = topcert("verify", "o", *more)
        assert checked.code == 0, checked.out + checked.err
    again = topcert("evaluate", "o", "--out", "same.csv")
    assert again.code == 0
    assert Path("same.csv").read_text() == Path("o/accuracy.csv").read_text()


@pytest.mark.parametrize("name", OURS)
def test_evaluate_asks_the_votes_of_another_run(
    run: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    shown = topcert(
        "evaluate", "o", *OURS[name], "--k", 1, "--k", 3, "--label", "given", "--out", "other.csv"
    )
    assert shown.code == 0, shown.err
    assert Path("other.csv").read_text() != Path("o/accuracy.csv").read_text()
    assert topcert("evaluate", "o", "--bounds", "simuem", "--out", "same.csv").code == 0
    assert Path("same.csv").read_text() == Path("o/accuracy.csv").read_text()
    resume(topcert, *OURS[name])
    assert (
        topcert(
            "evaluate",
            "o",
            "--method",
            "ablation",
            "--bounds",
            "simuem",
            "--k",
            1,
            "--k",
            3,
            "--out",
            "old.csv",
        ).code
        == 0
    )
    assert Path("old.csv").read_text() == Path("same.csv").read_text()


def test_the_papers_certificates_are_stored_as_ever(
    run: Path, topcert: Callable[..., Outcome]
) -> None:
    path = run / "certificates.parquet"
    assert pq.read_table(path).column_names == list(COLUMNS)
    assert set(stored()[1]) == {"alpha", "ks", "label_choice", "method"}
    before = path.read_bytes()
    resume(topcert, "--bounds", "simuem")
    assert path.read_bytes() == before
    resume(topcert, "--bounds", "intersection-union")
    assert pq.read_table(path).column_names == [*COLUMNS, "bounds"]


def test_a_first_sample_certifies_nothing_here_either(
    run: Path, topcert: Callable[..., Outcome]
) -> None:
    for name, more in OURS.items():
        made = topcert(*RUN, "--label", "selected", "--selection", 40, *more, "--out", name)
        assert made.code == 0, made.err
        ledger = Ledger.open(Path(name))
        first = ledger.selection_counts()
        assert first is not None
        certificates, _ = CertificateTable.read(Path(name, "certificates.parquet"))
        assert certificates.label.tolist() == first.argmax(axis=1).repeat(2).tolist()
        assert topcert("verify", name).code == 0


# What does not hold.


def lift_radius(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["radius"] is not None)["radius"] += 1


TAMPERED: dict[str, tuple[str, Callable[[list[dict[str, Any]]], object]]] = {
    "a larger radius": ("intersection-union", lift_radius),
    "a larger located radius": ("located", lift_radius),
    "other bounds": (
        "intersection-union",
        lambda rows: [row.update(bounds="simuem") for row in rows],
    ),
    "bounds that there are not": (
        "intersection-union",
        lambda rows: [row.update(bounds="lucky") for row in rows],
    ),
    "no bounds": ("intersection-union", lambda rows: [row.update(bounds=None) for row in rows]),
    "bounds of several kinds": ("intersection-union", lambda rows: rows[0].update(bounds="simuem")),
    "located passed off as the paper's": (
        "located",
        lambda rows: [row.update(method="ablation") for row in rows],
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_certificates_never_pass(
    run: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    ours, change = TAMPERED[name]
    resume(topcert, *OURS[ours])
    assert topcert("verify", "o").code == 0
    rewrite_certificates(run, change)
    assert topcert("verify", "o").code in (1, 2)


def test_bounds_that_are_stored_as_a_list_are_damage(
    run: Path, topcert: Callable[..., Outcome]
) -> None:
    resume(topcert, "--bounds", "intersection-union")
    path = run / "certificates.parquet"
    table = pq.read_table(path)
    parameters = json.loads(table.schema.metadata[b"parameters"])
    parameters["bounds"] = ["intersection-union"]
    pq.write_table(
        table.replace_schema_metadata(
            {**table.schema.metadata, b"parameters": json.dumps(parameters)}
        ),
        path,
    )
    assert topcert("verify", "o").code == 2


def test_fresh_votes_refute_a_located_certificate_that_no_votes_could_give(
    run: Path, topcert: Callable[..., Outcome]
) -> None:
    # A cheat who votes for the wrong label in the ledger, and certifies what follows from that.
    resume(topcert, *OURS["located"])
    ledger = Ledger.open(run)
    size = ledger.manifest.num_votes
    votes = np.concatenate([ledger.read_block(block) for block in range(ledger.num_blocks)]).astype(
        np.int64
    )
    votes[3 * size : 4 * size] = LABELS[3]
    for block in range(ledger.num_blocks):
        batches = ledger.schedule.batches_of(block)
        ledger.write_block(
            block,
            votes[ledger.schedule.offset(batches.start) : ledger.schedule.offset(batches.stop)],
        )
    write_results(
        derive(Ledger.open(run), method="located", ks=[1, 3], alpha=0.05, label_choice="given")
    )
    assert topcert("verify", "o").code == 0
    checked = topcert("verify", "o", "--model", MODEL, "--fresh-seed", 9, "--samples", 300)
    assert checked.code == 1
    assert f"input 3, label {LABELS[3]}, k = 1: " in checked.out
    assert "fresh votes allow at most none" in checked.out


# What is refused.


def test_located_needs_more_than_counts(run: Path, topcert: Callable[..., Outcome]) -> None:
    refused = topcert(
        "radius", "o/counts.csv", "--method", "located", "--keep", 4, "--features", 100
    )
    assert refused.code == 2
    assert (
        "the method located asks under which mask each vote was cast, which counts do not tell"
        in refused.err
    )
    assert "topcert evaluate DIR --method located" in " ".join(refused.err.split())
    with pytest.raises(ValueError, match="asks under which mask"):
        find_vote_method("located")
    counts = np.array([[9, 1, 0]])
    with pytest.raises(ValueError, match="certify the ledger of a run"):
        radii_of(
            find_sampled_method("located"),
            counts,
            None,
            smoothing=smoothing_of(Ledger.open(run).manifest),
            ks=[1],
            alpha=0.1,
        )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--bounds", "best"],
            "the bounds of the method ablation are simuem or intersection-union, got 'best'",
        ),
        (
            ["--method", "levine-feizi", "--bounds", "simuem", "--k", 1],
            "the method levine-feizi has bounds of its own",
        ),
        (
            ["--method", "located", "--bounds", "simuem"],
            "the method located has bounds of its own, got 'simuem'; leave --bounds",
        ),
    ],
)
def test_bounds_that_a_method_has_not_are_refused(
    run: Path, topcert: Callable[..., Outcome], more: list[object], message: str
) -> None:
    first = [part for part in RUN if part not in ("--k", 1, 3)]
    for command in (topcert(*first, "--out", "new", *more), topcert("evaluate", "o", *more)):
        assert command.code == 2
        assert message in command.err
    assert not Path("new").exists()


def test_bounds_are_no_option_of_a_method_without_votes(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    refused = topcert(
        "certify",
        "images.npz",
        "m.onnx",
        "--method",
        "chiang",
        "--bounds",
        "simuem",
        "--out",
        "new",
    )
    assert refused.code == 2
    assert "--bounds is for methods on votes" in refused.err


def test_located_votes_under_another_noise_are_refused(
    run: Path, topcert: Callable[..., Outcome]
) -> None:
    made = topcert(
        "certify",
        "images.npz",
        MODEL,
        "--method",
        "jia-2020",
        "--sigma",
        1,
        "--samples",
        50,
        "--out",
        "noise",
    )
    assert made.code == 0, made.err
    refused = topcert("evaluate", "noise", "--method", "located", "--label", "given")
    assert refused.code == 2
    assert "the method located needs votes under the noise ablation, not gaussian" in refused.err


def test_an_alias_says_whose_bounds_it_means(run: Path, topcert: Callable[..., Outcome]) -> None:
    resume(topcert, "--bounds", "intersection-union")
    shown = topcert("evaluate", "o", "--method", "levine-feizi-simuem", "--k", 1)
    assert shown.code == 0
    assert "intersection-union" not in shown.out
    assert find_method("levine-feizi-simuem").rules == RULES  # type: ignore[attr-defined]


def test_the_wrong_label_is_certified_by_none(run: Path, topcert: Callable[..., Outcome]) -> None:
    for more in OURS.values():
        resume(topcert, *more)
        made, _ = stored()
        assert (made.radius[(made.index == 3) & (made.k == 1)] == ABSTAIN).all()


@pytest.mark.parametrize("method", ["located", "ablation"])
def test_votes_that_predict_made_are_evaluated_when_all_is_said(
    run: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    assert (
        topcert(
            "predict", "images.npz", MODEL, "--keep", 4, "--samples", 50, "--k", 1, "--out", "p"
        ).code
        == 0
    )
    shown = topcert(
        "evaluate", "p", "--method", method, "--k", 1, "--alpha", 0.05, "--label", "predicted"
    )
    assert shown.code == 0, shown.err


@pytest.mark.parametrize("ks", [[], [float("inf")]])
def test_places_that_are_none_are_damage(
    run: Path, topcert: Callable[..., Outcome], ks: list[float]
) -> None:
    path = run / "certificates.parquet"
    table = pq.read_table(path)
    parameters = json.dumps({**json.loads(table.schema.metadata[b"parameters"]), "ks": ks})
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"parameters": parameters}), path
    )
    shown = topcert("verify", "o")
    assert shown.code == 2
    assert "is damaged: it names no parameters" in shown.err
