"""Ballots through the command: each ablated input names its w best labels, stored as ranked
votes.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.test_verify import rewrite_certificates, rewrite_manifest
from tests.conftest import Outcome
from topcert.evaluation.results import derive, write_results
from topcert.methods.certificate_table import CertificateTable
from topcert.randomization.masks import draw_masks
from topcert.report.draw_results import draw_results
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import simultaneous_bounds
from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter

SAMPLES = 120
SETTING = ["--keep", 2, "--samples", SAMPLES, "--k", "1,2", "--batch-size", 50]
RUN = ["certify", "table.npz", "models_for_tests:linear", *SETTING, "--out", "o"]
ALPHA = ["--alpha", 0.05]
MODEL = ["--model", "models_for_tests:linear"]
RANKED = """
import numpy as np
import models_for_tests

def three():
    return lambda batch: np.argsort(-models_for_tests._scores(batch), axis=1)[:, :3]

def sometimes_twice():
    def function(batch):
        found = np.argsort(-models_for_tests._scores(batch), axis=1)[:, :2]
        found[found[:, 0] == 1, 1] = 1
        return found

    return function
"""


@pytest.fixture
def folder(workplace: Path, topcert: Callable[..., Outcome]) -> Path:
    run = topcert(*RUN, *ALPHA, "--ballot", 3)
    assert run.code == 0, run.err
    return Path("o")


def contents(folder: str) -> dict[str, bytes]:
    found = (path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def write_again(folder: Path, num_named: int | None = None) -> None:
    """All that follows from the votes, as a skilled cheat would."""
    results = derive(Ledger.open(folder), ks=[1, 2], alpha=0.05, num_named=num_named)
    write_results(results)
    draw_results(results, folder / "accuracy")


def test_the_ledger_holds_what_each_ablated_input_names_and_all_else_follows(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    import models_for_tests

    ledger = Ledger.open(folder)
    assert (
        json.loads(Path("o/manifest.json").read_text())["num_named"] == ledger.manifest.depth == 3
    )
    table = pq.read_table("o/ledger/block-000000.parquet")
    assert [(field.name, field.type) for field in table.schema] == [
        ("vote", pa.uint8()),
        ("vote_2", pa.uint8()),
        ("vote_3", pa.uint8()),
    ]
    x, y = (np.load("table.npz")[name] for name in "xy")
    kept = draw_masks(seed=0, start=0, stop=SAMPLES, num_features=12, num_kept=2).astype(np.int64)
    counts = np.zeros((8, 5), np.int64)
    for position, ballots in enumerate(ledger.iterate_inputs()):
        shown = np.full((SAMPLES, 12), -1.0, np.float32)
        np.put_along_axis(shown, kept, x[position][kept], axis=1)
        scores = models_for_tests.linear()(shown)
        wanted = [
            sorted(range(5), key=lambda label: (-row[label], label))[:3] for row in scores.tolist()
        ]
        assert ballots.tolist() == wanted
        for ballot in wanted:
            counts[position, ballot] += 1
    assert np.array_equal(ledger.counts(), counts)
    with Path("o/counts.csv").open() as file:
        header, *lines = csv.reader(file)
    assert header == ["0", "1", "2", "3", "4", "label", "num_named"]
    assert [[int(cell) for cell in line] for line in lines] == [
        [*row, int(label), 3] for row, label in zip(counts.tolist(), y, strict=True)
    ]
    made, metadata = CertificateTable.read(folder / "certificates.parquet")
    lower, upper = simultaneous_bounds(counts, alpha=0.05, labels=y, num_named=3)
    radii = certified_radius(lower, upper, y, k=[1, 2], num_features=12, num_kept=2, num_named=3)
    assert made.radius.reshape(8, 2).tolist() == radii.tolist()
    assert radii.max() >= 0
    assert made.num_named == json.loads(metadata["parameters"])["num_named"] == 3
    checked = topcert("verify", folder, *MODEL, "--replay", "all")
    assert checked.code == 0, checked.out + checked.err
    assert "k = 1, 2, w = 3, alpha" in checked.out
    assert f"certificates recomputed from {8 * SAMPLES:,} votes" in checked.out
    assert "another such number is another classifier" in checked.out
    assert topcert("verify", folder, *MODEL, "--fresh-seed", 77, "--samples", 200).code == 0


def test_one_label_each_is_the_paper_and_leaves_no_trace(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN).code == 0
    shutil.move("o", "plain")
    run = topcert(*RUN, "--ballot", 1)
    assert run.code == 0
    assert contents("o") == contents("plain")
    assert "num_named" not in Path("o/manifest.json").read_text() + Path("o/counts.csv").read_text()
    assert "w = " not in run.out + run.err
    assert pq.read_schema("o/certificates.parquet").names[-1] == "label_choice"
    assert pq.read_schema("o/ledger/block-000000.parquet").names == ["vote"]


@pytest.mark.parametrize("method", ["ablation", "located", "design"])
def test_fewer_labels_of_each_vote_are_what_a_run_of_so_few_names(
    workplace: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    design = method == "design"
    more = ["--method", method, *(["--design", "partitions"] if design else ALPHA)]
    assert topcert(*RUN, *more, "--ballot", 3).code == 0
    deep = Ledger.open(Path("o"))
    for fewer in (1, 2):
        assert topcert(*RUN[:-1], f"own{fewer}", *more, "--ballot", fewer).code == 0
        own = Ledger.open(Path(f"own{fewer}"))
        assert np.array_equal(deep.counts(num_named=fewer), own.counts())
        assert np.array_equal(deep.counts(num_named=fewer, first=37), own.counts(first=37))
        for ballots, short in zip(deep.iterate_inputs(), own.iterate_inputs(), strict=True):
            assert np.array_equal(ballots[:, :fewer], short)
        run = topcert("evaluate", "o", "--ballot", fewer, "--out", "fewer.csv")
        assert run.code == 0, run.err
        assert Path("fewer.csv").read_bytes() == Path(f"own{fewer}/accuracy.csv").read_bytes()
        assert f"w = {fewer}" in run.out
        assert "alpha does not pay for picking the best of several" in " ".join(run.out.split())
    whole = topcert("evaluate", "o", "--json")
    assert json.loads(whole.out)["num_named"] == 3
    for wrong, says in (
        (4, "--ballot must lie in 1 .. 3, got 4"),
        (0, "--ballot must be at least 1, got 0"),
    ):
        refused = topcert("evaluate", "o", "--ballot", wrong)
        assert refused.code == 2
        assert says in refused.err


def test_labels_that_a_model_ranks_itself_are_the_same_votes(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("ranked_for_tests.py").write_text(RANKED)
    names = [
        "certify",
        "table.npz",
        "ranked_for_tests:three",
        *SETTING,
        *ALPHA,
        "--classes",
        5,
        "--ballot",
        3,
        "--out",
        "names",
    ]
    run = topcert(*names)
    assert run.code == 0, run.err
    for one, other in zip(
        Ledger.open(folder).iterate_inputs(),
        Ledger.open(Path("names")).iterate_inputs(),
        strict=True,
    ):
        assert np.array_equal(one, other)
    assert Path("names/accuracy.csv").read_bytes() == Path("o/accuracy.csv").read_bytes()
    assert topcert("verify", "names", "--model", "ranked_for_tests:three", "--replay", 30).code == 0
    short = [part if part != 3 else 2 for part in names]
    refused = topcert(*short[:-1], "short")
    assert refused.code == 2
    assert "expected scores (16, 5) or integer labels (16, 2)" in refused.err


def test_a_ballot_with_a_label_twice_keeps_what_stands_before_and_is_told(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("ranked_for_tests.py").write_text(RANKED)
    run = topcert(
        *[
            "certify",
            "table.npz",
            "ranked_for_tests:sometimes_twice",
            *SETTING,
            "--classes",
            5,
            "--ballot",
            2,
            "--out",
            "o",
        ]
    )
    assert run.code == 0, run.err
    assert "which count as the labels 0, 1 (of ranked ones, after " in " ".join(run.err.split())
    assert "with a label twice" in run.err
    ballots = np.concatenate(list(Ledger.open(Path("o")).iterate_inputs()))
    first = ballots[:, 0] == 1
    assert first.any()
    assert (ballots[first] == [1, 0]).all()
    assert (
        topcert(
            "verify", "o", "--model", "ranked_for_tests:sometimes_twice", "--replay", "all"
        ).code
        == 0
    )


def block(change: Callable[[np.ndarray], object], ledger: Ledger) -> None:
    votes = ledger.read_block(0).astype(np.int64)
    change(votes)
    ledger.write_block(0, votes)


def twice(votes: np.ndarray) -> None:
    votes[5, 2] = votes[5, 0]


def beyond(votes: np.ndarray) -> None:
    votes[5, 1] = 5


def swapped(votes: np.ndarray) -> None:
    votes[5, :2] = votes[5, 1::-1].copy()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (twice, r"in row 5, which names a label twice"),
        (beyond, "holds the label 5; there are 5 classes"),
    ],
)
def test_votes_that_no_model_casts_cannot_be_checked(
    folder: Path, topcert: Callable[..., Outcome], change: Callable[[np.ndarray], object], says: str
) -> None:
    block(change, Ledger.open(folder))
    for command in (["verify", folder], ["evaluate", folder]):
        checked = topcert(*command)
        assert checked.code == 2
        assert says in checked.err


def test_swapped_ranks_are_found_by_a_replay_alone(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    block(swapped, Ledger.open(folder))
    assert topcert("verify", folder).code == 0  # what is named stays the same
    found = topcert("verify", folder, *MODEL, "--replay", "all")
    assert found.code == 1
    assert "1 of 960 replayed votes differ from the ledger" in found.out
    assert "the ledger has labels " in found.out


@pytest.mark.parametrize(
    "names",
    [["vote", "vote_3", "vote_2"], ["vote", "vote_2"], ["vote", "vote_2", "vote_3", "vote_4"]],
)
def test_other_columns_are_no_ballots(
    folder: Path, topcert: Callable[..., Outcome], names: list[str]
) -> None:
    path = Ledger.open(folder).block_path(0)
    table = pq.read_table(path)
    columns = {name: table.column(name if name in table.column_names else "vote") for name in names}
    pq.write_table(pa.table(columns).replace_schema_metadata(table.schema.metadata), path)
    checked = topcert("verify", folder)
    assert checked.code == 2
    assert "a run writes vote, vote_2, vote_3, without nulls" in checked.err


def test_a_certificate_is_about_so_many_labels_and_no_others(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    before = contents("o")

    def restored() -> None:
        for name, text in before.items():
            Path("o", name).write_bytes(text)

    write_again(folder, num_named=2)  # of the same votes, and honest: they say so
    checked = topcert("verify", folder)
    assert checked.code == 0, checked.out + checked.err
    assert "w = 2, " in checked.out
    restored()
    for claimed, code in ((2, 2), (4, 2)):
        rewrite_certificates(
            folder, lambda rows, w=claimed: [row.update(num_named=w) for row in rows]
        )
        assert topcert("verify", folder).code == code
        restored()
    rewrite_certificates(
        folder, lambda rows: next(r for r in rows if r["radius"] is not None).update(radius=9)
    )
    assert topcert("verify", folder).code == 1
    restored()
    rewrite_manifest(folder, num_named=2)  # other blocks than the manifest says
    assert topcert("verify", folder).code == 2


def test_manifests_say_how_many_labels_only_where_they_are_several(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    text = Path("o/manifest.json").read_text()
    for wrong in ("1", "5", "0", "-3", "true", "2.0", '"3"'):
        Path("o/manifest.json").write_text(text.replace('"num_named": 3', f'"num_named": {wrong}'))
        checked = topcert("verify", folder)
        assert checked.code == 2
        assert "num_named" in checked.err


def test_another_number_of_labels_is_another_run(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    for asked, hint in (
        (2, "evaluate o --ballot 2"),
        (1, "evaluate o --ballot 1"),
        (4, "choose another --out"),
    ):
        refused = topcert(*RUN, "--ballot", asked, "--resume")
        assert refused.code == 2
        assert f"was started with --ballot 3, this run has --ballot {asked}" in refused.err
        assert hint in refused.err
    assert topcert(*RUN, *ALPHA, "--ballot", 3, "--resume").code == 0


def test_a_run_that_is_stopped_and_given_more_inputs_ends_with_the_same_bytes(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    from topcert.voting import sampling

    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
    assert topcert(*RUN[:-1], "whole", "--ballot", 2).code == 0
    assert topcert(*RUN, "--ballot", 2, "--limit", 3).code == 0
    votes, left = Voter.votes, 9

    def stopped(self: Voter, position: int, start: int, end: int, **options: bool) -> np.ndarray:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return votes(self, position, start, end, **options)

    monkeypatch.setattr(Voter, "votes", stopped)
    assert topcert(*RUN, "--ballot", 2, "--resume").code == 130
    monkeypatch.setattr(Voter, "votes", votes)
    assert topcert(*RUN, "--ballot", 2, "--resume").code == 0
    assert contents("o") == contents("whole")


def test_predict_shows_what_is_named_most_and_says_so(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = [
        "predict",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        2,
        "--samples",
        300,
        "--k",
        2,
        "--seed",
        5,
    ]
    shown = topcert(*run, "--ballot", 2, "--out", "p")
    assert shown.code == 0, shown.err
    assert "each naming its 2 best labels (w = 2)" in shown.err
    header, *lines = csv.reader(shown.out.splitlines())
    assert header[-1] == "num_named"
    counts = Ledger.open(Path("p")).counts()
    for line in lines:
        row = dict(zip(header, line, strict=True))
        place, rank = int(row["index"]), int(row["rank"]) - 1
        label = np.argsort(-counts[place], kind="stable")[rank]
        assert (int(row["label"]), int(row["votes"]), row["num_named"]) == (
            label,
            counts[place, label],
            "2",
        )
    assert topcert("verify", "p", *MODEL, "--replay", 20).code == 0
    as_json = json.loads(topcert(*run, "--ballot", 2, "--json").out)
    assert as_json["num_named"] == 2
    assert [[one["votes"] for one in each["labels"]] for each in as_json["inputs"]] == [
        sorted(row, reverse=True)[:2] for row in counts.tolist()
    ]
    path = Path("p/predictions.csv")
    path.write_text(path.read_text().replace(",2\n", ",1\n"))
    assert topcert("verify", "p").code == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--ballot", 5], "a ballot has 5: scores are of more classes than that"),
        (
            ["--ballot", 5, "--classes", 5],
            "--ballot must lie in 1 .. 4, one less than the 5 classes; got 5",
        ),
        (
            ["--ballot", 2, "--method", "jia-2020", "--sigma", 0.5],
            "name one label each, got ballots of 2",
        ),
        (
            ["--ballot", 2, "--method", "jia-2020", "--sigma", 0.5],
            "use --method ablation, design, fpa, located or run-off",
        ),
    ],
)
def test_what_cannot_be_certified_is_refused_before_a_vote_is_cast(
    workplace: Path, topcert: Callable[..., Outcome], more: list[object], says: str
) -> None:
    kept = [] if "--sigma" in more else SETTING[:2]
    refused = topcert(*RUN[:3], *kept, *SETTING[2:], "--out", "o", *more)
    assert refused.code == 2
    assert says in refused.err
    assert not Path("o").exists()


def test_counts_of_ballots_are_not_read_as_votes_for_one_label(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    refused = topcert("radius", "o/counts.csv", "--keep", 2, "--features", 12)
    assert refused.code == 2
    assert "each vote names 3 labels" in refused.err
    assert "--ballot 3" in refused.err
