"""`topcert certify --stop`: each input has as many votes as its rule gives it, whatever happens on
the way.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from topcert.randomization.masks import draw_masks
from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter

MODEL = "models_for_tests:linear"
RUN = ["certify", "table.npz", MODEL, "--keep", 2, "--k", 3, "--alpha", 0.01, "--batch-size", 20]
STOP = [*RUN, "--stop", "exact", "--max-samples", 500]


@pytest.fixture(params=["ablation", "located"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(workplace: Path, topcert: Callable[..., Outcome], method: str) -> Path:
    run = topcert(*STOP, "--method", method, "--out", "o")
    assert run.code == 0, run.err
    assert "times fewer than 500 for all. Settled: " in " ".join(run.out.split())
    assert "however long it sampled" in " ".join(run.out.split())
    return Path("o")


def blocks(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "ledger").glob("block-*")}


def test_each_input_has_the_votes_that_the_rule_gives_it(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    fixed = topcert(*RUN, "--samples", 500, "--out", "fixed")
    assert fixed.code == 0, fixed.err
    ledger, labels = Ledger.open(folder), np.load("table.npz")["y"]
    stopping_test = ledger.stopping_test
    assert stopping_test is not None
    votes, every = (
        [cast[:, 0] for cast in one.iterate_inputs()]
        for one in (ledger, Ledger.open(Path("fixed")))
    )
    lengths, proven = [], []
    for position, cast in enumerate(every):
        for look in stopping_test.looks:
            counts, label = (
                np.bincount(cast[:look], minlength=5)[None],
                labels[position : position + 1],
            )
            left = None
            if stopping_test.needs_masks:
                kept = draw_masks(seed=0, start=0, stop=look, num_features=12, num_kept=2)
                met = [
                    [int((kept[cast[:look] == j] == i).sum()) for i in range(12)]
                    for j in stopping_test.near(counts, label)[0].tolist()
                ]
                left = stopping_test.surviving(
                    counts, label, [np.array(met)], np.bincount(kept.reshape(-1), minlength=12)
                )
            if stopping_test.stops(counts, label, left)[0]:
                break
        lengths.append(look)
        proven.append(int(stopping_test.proven(counts, label, left)[0]))
        assert np.array_equal(votes[position], cast[:look])  # the same draws, up to where it stops
    assert len(set(lengths)) > 1
    assert lengths != [500] * 8
    made = pq.read_table(folder / "certificates.parquet")
    assert made.column("votes").to_pylist() == lengths
    assert made.column_names[-3:] == ["bounds", "votes", "settled"]
    counts = ledger.counts()
    assert counts.sum(axis=1).tolist() == lengths
    radii = [None if radius < 0 else radius for radius in proven]
    assert made.column("radius").to_pylist() == radii
    table = pyarrow.csv.read_csv(folder / "counts.csv")
    assert np.array_equal(np.stack([table.column(str(j)) for j in range(5)], axis=1), counts)


def test_it_verifies_with_replays_and_fresh_votes(
    folder: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    plain = topcert("verify", folder)
    assert plain.code == 0, plain.out + plain.err
    assert f"{method} with anytime bounds" in plain.out
    assert "until exact is settled" in plain.out
    asked = topcert(
        "verify", folder, "--model", MODEL, "--replay", 60, "--fresh-seed", 5, "--samples", 300
    )
    assert asked.code == 0, asked.out + asked.err
    again = topcert("evaluate", folder)
    assert again.code == 0, again.err


def test_interrupted_anywhere_and_resumed_it_gives_the_same_files(
    folder: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    stop = [*STOP, "--method", method]
    cast, left = Voter.votes, 0

    def interrupted(
        self: Voter, position: int, start: int, stop: int, **options: bool
    ) -> np.ndarray:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return cast(self, position, start, stop, **options)

    monkeypatch.setattr("topcert.voting.sampling.MAX_BLOCK_VOTES", 60)
    assert topcert(*stop, "--out", "whole").code == 0
    monkeypatch.setattr(Voter, "votes", interrupted)
    codes: list[int] = []
    while not codes or codes[-1] == 130:
        left = 14  # a few of which are for checks of what is stored
        codes.append(topcert(*stop, "--out", "cut", "--resume").code)
    assert codes[-1] == 0
    assert len(codes) > 3
    monkeypatch.setattr(Voter, "votes", cast)
    assert blocks(Path("cut")) == blocks(Path("whole"))
    assert pq.read_table("cut/certificates.parquet").equals(
        pq.read_table(folder / "certificates.parquet")
    )
    kept = blocks(Path("cut"))
    assert topcert(*stop, "--out", "cut", "--resume").code == 0
    assert blocks(Path("cut")) == kept


def test_a_stage_too_few_or_too_many_does_not_verify(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    ledger = Ledger.open(folder)
    ledger.complete()
    last = ledger.block_path(ledger.num_blocks - 1)
    beyond = ledger.block_path(ledger.num_blocks)
    shutil.copy(last, beyond)
    more = topcert("verify", folder)
    assert more.code == 2
    assert "lies beyond the vote at which the last input stops" in more.err
    beyond.unlink()
    assert topcert("verify", folder).code == 0
    last.unlink()
    fewer = topcert("verify", folder)
    assert fewer.code == 2
    assert "is missing" in fewer.err


def test_an_input_that_had_votes_beyond_its_stop_does_not_verify(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    # A whole last stage for all inputs, as if nobody had stopped: it is not of the size that the
    # rule asks for.
    ledger = Ledger.open(folder)
    ledger.complete()
    number = ledger.num_blocks - 1
    wanted = ledger.schedule.batches_of(number)
    votes = ledger.read_block(number).astype(np.int64)
    for changed in (np.concatenate([votes, votes[:20]]), votes[:-20]):
        ledger.write_block(number, changed)
        assert topcert("verify", folder).code == 2
    ledger.write_block(number, votes)
    assert topcert("verify", folder).code == 0
    assert len(wanted) >= 1


def test_counts_that_do_not_name_the_rule_do_not_verify(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "counts.csv"
    assert topcert("radius", path, "--keep", 2, "--features", 12).code == 2
    written = path.read_text()
    for other in ("table; k=3", "exact; k=2"):
        path.write_text(written.replace("exact; k=3", other))
        run = topcert("verify", folder)
        assert run.code == 2
        assert "its rows must say stopping 'exact; k=3; alpha=0.01; label=given;" in run.err


@pytest.mark.parametrize("column", ["votes", "settled", "radius"])
def test_changed_certificates_do_not_verify(
    folder: Path, topcert: Callable[..., Outcome], column: str
) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0][column] = {
        "votes": rows[0]["votes"] + 20,
        "settled": not rows[0]["settled"],
        "radius": 9,
    }[column]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    run = topcert("verify", folder)
    assert run.code == 1
    assert column in run.out


@pytest.mark.parametrize("column", ["k", "alpha"])
def test_certificates_of_other_parameters_than_the_rule_do_not_verify(
    folder: Path, topcert: Callable[..., Outcome], column: str
) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    rows = [{**row, column: {"k": 2, "alpha": 0.02}[column]} for row in table.to_pylist()]
    asked = json.loads(table.schema.metadata[b"parameters"])
    asked.update({"k": {"ks": [2]}, "alpha": {"alpha": 0.02}}[column])
    metadata = {**table.schema.metadata, b"parameters": json.dumps(asked, sort_keys=True).encode()}
    pq.write_table(
        pa.Table.from_pylist(rows, schema=table.schema).replace_schema_metadata(metadata), path
    )
    run = topcert("verify", folder)
    assert run.code == 1
    assert "has other parameters than the stopping rule exact; k=3; alpha=0.01" in run.out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--k", 1], "--k 3, got 1"),
        (["--alpha", 0.05], "--alpha 0.01, got 0.05"),
        (["--label", "predicted"], "--label given, got predicted"),
        (
            ["--method", "ablation", "--bounds", "intersection-union"],
            "ablation with intersection-union bounds may not read",
        ),
        (["--method", "ablation", "--bounds", "simuem"], "simuem"),
        (["--method", "levine-feizi"], "levine-feizi may not read"),
        (["--method", "jia-2020"], "jia-2020 may not read"),
    ],
)
def test_nothing_else_may_read_such_a_ledger(
    folder: Path, topcert: Callable[..., Outcome], change: list[object], says: str
) -> None:
    run = topcert("evaluate", folder, *change)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1


def test_one_kind_of_evidence_may_not_read_the_votes_of_the_other(
    folder: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    other = "located" if method == "ablation" else "ablation"
    run = topcert("evaluate", folder, "--method", other, "--k", 3)
    assert run.code == 2
    assert f"the stopping rule exact of {method}, which {other} may not read" in run.err
    resumed = topcert(*STOP, "--method", other, "--out", "o", "--resume")
    assert resumed.code == 2
    assert "stopping" in resumed.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--stop", "soon"], "--stop must be radius=R"),
        (["--stop", "radius=99"], "no votes can certify a radius above"),
        (["--stop", "table", "--samples", 10], "--max-samples"),
        (["--max-samples", 10], "--stop"),
        (["--stop", "table", "--max-samples", 0], "--max-samples"),
        (["--stop", "table", "--method", "levine-feizi"], "--method levine-feizi"),
        (["--stop", "table", "--bounds", "intersection-union"], "--bounds"),
        (["--stop", "table", "--label", "predicted"], "--label predicted"),
        (["--stop", "table", "--k", 1], "one k"),
        (["--stop", "table", "--selection", 10], "--selection and --label selected go together"),
        (
            ["--stop", "table", "--label", "selected", "--selection", 0],
            "--selection must be positive",
        ),
        (["--stop", "table", "--k", 5], "one k"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(
    workplace: Path, topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    run = topcert(*RUN, *options, "--out", "o")
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1
    assert not Path("o").exists()


def test_without_labels_there_is_no_question(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez("bare.npz", x=np.load("table.npz")["x"])
    run = topcert("certify", "bare.npz", *STOP[2:], "--out", "o")
    assert run.code == 2
    assert "--stop certifies given labels" in run.err
    assert "use --label selected" in run.err


def test_a_first_sample_may_select_the_label(
    workplace: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    np.savez("bare.npz", x=np.load("table.npz")["x"])
    select = ["--method", method, "--label", "selected", "--selection", 7]
    assert topcert("certify", "bare.npz", *STOP[2:], *select, "--out", "o").code == 0
    fixed = topcert(
        "certify", "bare.npz", *RUN[2:], "--selection", 7, "--samples", 500, "--out", "fixed"
    )
    assert fixed.code == 0, fixed.err
    ledger = Ledger.open(Path("o"))
    votes, every = (
        [cast[:, 0] for cast in one.iterate_inputs()]
        for one in (ledger, Ledger.open(Path("fixed")))
    )
    stopping_test = ledger.stopping_test
    assert stopping_test is not None
    for position, cast in enumerate(votes):  # the same draws, the first 7 for the label alone
        looks = [look for look in stopping_test.looks if look <= len(cast) - 7]
        assert looks[-1] == len(cast) - 7
        assert np.array_equal(cast, every[position][: len(cast)])
        for look in looks if method == "ablation" else []:  # it goes by the votes after those
            label = np.array([np.bincount(cast[:7]).argmax()])
            stops = stopping_test.stops(np.bincount(cast[7 : 7 + look], minlength=5)[None], label)
            assert stops[0] == (look == looks[-1])
    assert np.array_equal(ledger.counts(), [np.bincount(cast[7:], minlength=5) for cast in votes])
    made = pq.read_table("o/certificates.parquet")
    chosen = [int(np.bincount(cast[:7]).argmax()) for cast in every]
    assert made.column("label").to_pylist() == chosen
    assert len(set(chosen)) > 1
    assert set(made.column("label_choice").to_pylist()) == {"selected"}
    assert made.column("votes").to_pylist() == ledger.counts().sum(axis=1).tolist()
    # Named beforehand, under masks that begin where those of the first sample end, the same votes
    # give the same radii.
    for positions, surviving in ledger.vote_details():
        if stopping_test.needs_masks:
            assert surviving is not None
            look = int(ledger.counts()[positions[0]].sum())
            kept = draw_masks(seed=0, start=7, stop=7 + look, num_features=12, num_kept=2)
            for row, position in enumerate(positions.tolist()):
                counts = ledger.counts()[position : position + 1]
                near = stopping_test.near(counts, np.array([chosen[position]]))
                cast = every[position][7 : 7 + look]
                met = [
                    [int((kept[cast == j] == i).sum()) for i in range(12)] for j in near[0].tolist()
                ]
                alone = stopping_test.surviving(
                    counts,
                    np.array([chosen[position]]),
                    [np.array(met)],
                    np.bincount(kept.reshape(-1), minlength=12),
                )
                assert np.array_equal(alone.least_left[0], surviving.least_left[row])
        radii = stopping_test.proven(
            ledger.counts()[positions], np.array(chosen)[positions], surviving
        )
        stored = [-1 if radius is None else radius for radius in made.column("radius").to_pylist()]
        assert radii.tolist() == [stored[position] for position in positions.tolist()]


def test_a_selected_label_verifies_and_resumes_as_such_only(
    workplace: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    run = [*STOP, "--method", method]
    select = ["--label", "selected", "--selection", 7]
    assert topcert(*run, *select, "--out", "o").code == 0
    before = blocks(Path("o"))
    assert (
        topcert(
            "verify", "o", "--model", MODEL, "--replay", 60, "--fresh-seed", 5, "--samples", 300
        ).code
        == 0
    )
    assert topcert("evaluate", "o").code == 0
    assert topcert(*run, *select, "--out", "o", "--resume").code == 0
    other = topcert("evaluate", "o", "--label", "predicted")
    assert other.code == 2
    assert "--label selected, got predicted" in other.err
    given = topcert(*run, "--out", "o", "--resume")
    assert given.code == 2
    assert "resume with the same" in given.err
    assert blocks(Path("o")) == before
    assert topcert(*run, "--out", "given").code == 0
    later = topcert(*run, "--label", "selected", "--out", "given", "--resume")
    assert later.code == 2
    assert "given has no first sample that selects a label" in later.err


def test_it_resumes_under_the_same_rule_only(folder: Path, topcert: Callable[..., Outcome]) -> None:
    before = blocks(folder)
    for change in (["--stop", "table"], ["--max-samples", 400], ["--alpha", 0.02]):
        other = topcert(*STOP, *change, "--out", folder, "--resume")
        assert other.code == 2, change
        assert "resume with the same" in other.err
    assert topcert(*RUN, "--samples", 500, "--out", folder, "--resume").code == 2
    assert blocks(folder) == before


def test_a_manifest_with_an_unknown_rule_is_refused(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "manifest.json"
    changed = {**json.loads(path.read_text()), "stopping": "until it suits"}
    path.write_text(json.dumps(changed, indent=2, sort_keys=True) + "\n")
    run = topcert("verify", folder)
    assert run.code == 2
    assert "'until it suits', which this release does not know" in run.err
