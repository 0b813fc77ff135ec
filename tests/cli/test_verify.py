"""`topcert verify`: a tampered folder never passes, an honest one always does, and nothing the
folder names is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from topcert.evaluation.results import derive, write_results
from topcert.report.draw_results import draw_results
from topcert.voting.checks import write_check
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest
from topcert.voting.row_trial import RowCheck

RUN = [
    "certify",
    "table.npz",
    "models_for_tests:linear",
    "--keep",
    2,
    "--samples",
    2000,
    "--k",
    1,
    "--k",
    3,
    "--out",
    "o",
]
MODEL = ["--model", "models_for_tests:linear"]


@pytest.fixture
def folder(workplace: Path, topcert: Callable[..., Outcome]) -> Path:
    assert topcert(*RUN).code == 0
    return Path("o")


def rewrite_certificates(folder: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def rewrite_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    changed = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(changed, indent=2, sort_keys=True) + "\n")


def forge(folder: Path, **changes: object) -> None:
    """A new manifest with every digest made to fit it, as a skilled cheat would."""
    old = Ledger.open(folder)
    blocks = [old.read_block(block) for block in range(old.num_blocks)]
    rewrite_manifest(folder, **changes)
    new = Ledger(folder, Manifest.read(folder / "manifest.json"))
    for block, votes in enumerate(blocks):
        new.write_block(block, votes.astype(np.int64))
    write_check(folder, RowCheck(rows=10**6, passes=10**7, moved=0.0), new.manifest.digest())
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    metadata = {**table.schema.metadata, b"manifest": new.manifest.digest().encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def write_again(folder: Path) -> None:
    """All that follows from the votes, pictures too, as a skilled cheat would."""
    results = derive(Ledger.open(folder), ks=[1, 3], alpha=0.001)
    write_results(results)
    draw_results(results, folder / "accuracy")


def test_an_honest_run_is_good_in_every_way(folder: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert("verify", folder).code == 0
    assert topcert("verify", folder, *MODEL, "--replay", 50).code == 0
    assert topcert("verify", folder, *MODEL, "--fresh-seed", 77, "--samples", 1000).code == 0


def certificate_changes() -> dict[str, Callable[[list[dict[str, object]]], object]]:
    def raised(rows: list[dict[str, object]]) -> None:
        row = next(row for row in rows if row["radius"] is not None)
        row["radius"] += 1  # type: ignore[operator]

    return {
        "a larger radius": raised,
        "a radius where it abstains": lambda rows: rows[-1].update(radius=9),
        "another label": lambda rows: rows[0].update(label=(rows[0]["label"] + 1) % 5),  # type: ignore[operator]
        "another k": lambda rows: rows[1].update(k=2),
        "another index": lambda rows: rows[0].update(index=100),
        "another unit": lambda rows: [row.update(unit="input") for row in rows],
        "another method": lambda rows: [row.update(method="magic") for row in rows],
        "a smaller alpha": lambda rows: [row.update(alpha=1e-9) for row in rows],
        "predicted passed off as given": lambda rows: [
            row.update(label_choice="predicted") for row in rows
        ],
        "a row left out": lambda rows: rows.pop(),
        "a row twice": lambda rows: rows.append(rows[0]),
        "a k left out": lambda rows: rows.__setitem__(
            slice(None), [row for row in rows if row["k"] == 3]
        ),
        "mixed alphas": lambda rows: rows[0].update(alpha=0.5),
        "no rows": lambda rows: rows.clear(),
        "a negative radius": lambda rows: rows[0].update(radius=-1),
    }


@pytest.mark.parametrize("name", certificate_changes())
def test_tampered_certificates_never_pass(
    folder: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    rewrite_certificates(folder, certificate_changes()[name])
    assert topcert("verify", folder).code in (1, 2)


@pytest.mark.parametrize("name", ["counts.csv", "accuracy.csv"])
def test_every_changed_digit_of_a_table_is_noticed(
    folder: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    path = folder / name
    text = path.read_text()
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    for place in places[:: max(1, len(places) // 12)]:
        path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        assert topcert("verify", folder).code in (1, 2), place
    path.unlink()
    assert topcert("verify", folder).code == 2


def test_every_changed_manifest_entry_is_noticed(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    honest = json.loads((folder / "manifest.json").read_text())
    for name, value in honest.items():
        changed = (
            {"a": 1} if isinstance(value, dict) else [5] if isinstance(value, list) else f"{value}x"
        )
        if isinstance(value, (int, float)):
            changed = value + 1
        rewrite_manifest(folder, **{name: changed})
        assert topcert("verify", folder).code in (1, 2), name
        rewrite_manifest(folder, **honest)
    assert topcert("verify", folder).code == 0


def test_a_changed_vote_with_a_fitting_checksum_is_noticed(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    ledger = Ledger.open(folder)
    votes = ledger.read_block(0).astype(np.int64)
    votes[5] = (votes[5] + 1) % 5
    ledger.write_block(0, votes)
    assert topcert("verify", folder).code == 1


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"num_kept": 3}, {"encoding": "constant", "fill": 0.5}]
)
def test_a_forged_manifest_is_caught_by_replay(
    folder: Path, topcert: Callable[..., Outcome], changes: dict[str, object]
) -> None:
    forge(folder, **changes)
    assert topcert("verify", folder, *MODEL, "--replay", 50).code in (1, 2)


def test_made_up_votes_are_caught_by_replay_and_by_a_fresh_sample(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    ledger = Ledger.open(folder)
    _, labels, _ = ledger.read_inputs()
    assert labels is not None
    for block in range(ledger.num_blocks):
        size = len(ledger.read_block(block))
        first = ledger.schedule.offset(ledger.schedule.batches_of(block).start)
        # every vote for the true label
        ledger.write_block(block, labels[(first + np.arange(size)) // 2000])
    again = topcert(*RUN[:-2], "--out", folder, "--resume")
    assert again.code == 2  # certify replays some votes even where none is missing
    assert "deterministic" in again.err
    write_again(folder)
    assert topcert("verify", folder).code == 0  # the arithmetic follows from the votes ...
    # ... but the votes are not the model's
    assert topcert("verify", folder, *MODEL, "--replay", 5).code == 1
    fresh = topcert("verify", folder, *MODEL, "--fresh-seed", 5, "--samples", 2000)
    assert fresh.code == 1
    assert "does not hold" in fresh.out


def test_another_model_or_data_cannot_be_checked(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    other = Path("other_models.py")
    other.write_text(Path("models_for_tests.py").read_text() + "\n# changed\n")
    run = topcert("verify", folder, "--model", "other_models:linear", "--replay", 5)
    assert run.code == 2
    assert "fingerprint" in run.err
    table = np.load("table.npz")
    np.savez("other.npz", x=table["x"] * 0.5, y=table["y"])
    assert topcert("verify", folder, *MODEL, "--replay", 5, "--data", "other.npz").code == 2
    np.savez("relabelled.npz", x=table["x"], y=(table["y"] + 1) % 5)
    assert topcert("verify", folder, *MODEL, "--replay", 5, "--data", "relabelled.npz").code == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--replay", 5], "--model"),
        (["--fresh-seed", 5, "--samples", 10], "--model"),
        ([*MODEL, "--fresh-seed", 5], "--samples"),
        ([*MODEL, "--samples", 5], "--fresh-seed"),
        ([*MODEL, "--fresh-seed", 0, "--samples", 5], "seed of the run itself"),
    ],
)
def test_half_asked_checks_are_refused(
    folder: Path, topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    run = topcert("verify", folder, *options)
    assert run.code == 2
    assert says in run.err


def test_nothing_that_only_the_folder_names_is_loaded(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("trap.py").write_text(
        "from pathlib import Path\nPath('sprung').touch()\ndef model():\n    return len\n"
    )
    joblib.dump(Trap(), "trap.joblib")
    for model in ("trap:model", str(Path("trap.joblib").resolve())):
        forge(folder, model=model)
        write_again(folder)  # the title of the picture names it
        assert topcert("verify", folder).code == 0
        assert topcert("verify", folder, *MODEL, "--replay", 5).code == 0
    forge(folder, data=str(Path("trap.joblib").resolve()))
    assert topcert("verify", folder, *MODEL, "--replay", 5).code == 2
    assert not Path("sprung").exists()
    joblib.load("trap.joblib")
    assert Path("sprung").exists()  # the trap does work


class Trap:
    """Touches a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("sprung"),)


def test_an_unfinished_or_foreign_folder_cannot_be_checked(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    Ledger.open(folder).block_path(0).unlink()
    assert topcert("verify", folder).code == 2
    assert topcert("verify", ".").code == 2
    assert topcert("verify", "nowhere").code == 2


def test_a_manifest_with_an_entry_twice_is_refused(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("{", '{\n  "seed": 31337,', 1))
    assert topcert("verify", folder).code == 2


@pytest.mark.parametrize(
    "changes",
    [{"input_shape": [9], "num_features": 9}, {"fill": -2.0}, {"unit": "feature"}, {"num_kept": 3}],
)
def test_a_forged_description_is_refused_with_a_model(
    folder: Path, topcert: Callable[..., Outcome], changes: dict[str, object]
) -> None:
    forge(folder, **changes)
    assert topcert("verify", folder, *MODEL, "--replay", 5).code in (1, 2)


def test_a_claimed_other_runtime_does_not_excuse_made_up_votes(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    ledger = Ledger.open(folder)
    for block in range(ledger.num_blocks):
        ledger.write_block(block, np.zeros(len(ledger.read_block(block)), np.int64))
    forge(folder, runtime="some other library, cpu")
    write_again(folder)
    assert topcert("verify", folder).code == 0
    assert topcert("verify", folder, *MODEL, "--replay", 5).code == 1


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("Nehalem", 1, "differ from the ledger by more than rounding"),
        ("", 1, "replayed votes differ from the ledger"),
    ],
)
def test_a_vote_that_differs_by_more_than_rounding_is_false_on_any_processor(
    folder: Path, topcert: Callable[..., Outcome], kind: str, code: int, says: str
) -> None:
    ledger = Ledger.open(folder)
    votes = ledger.read_block(0).astype(np.int64)
    votes[0] = (votes[0] + 1) % ledger.manifest.num_classes
    ledger.write_block(0, votes)
    write_again(folder)
    runtime = ledger.manifest.runtime
    forge(folder, runtime=runtime.rpartition(" ")[0] + f" {kind}" if kind else runtime)
    assert topcert("verify", folder).code == 0
    run = topcert("verify", folder, *MODEL, "--replay", 20_000)
    assert run.code == code, run.out + run.err
    assert says in " ".join((run.out + run.err).split())


def test_what_a_stranger_wrote_is_printed_as_it_is(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    rows = [{**row, "unit": "[/x] [bold green]good:[/]"} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    run = topcert("verify", folder)
    assert run.code == 1, run.err
    assert "[/x] [bold green]good:[/]" in run.out


def test_a_function_is_said_to_be_known_by_its_file_alone(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    assert "model (by its source file alone), data and labels are those" in " ".join(
        topcert("verify", folder, *MODEL).out.split()
    )


def test_what_was_not_checked_is_said(folder: Path, topcert: Callable[..., Outcome]) -> None:
    for more in ([], MODEL):
        run = topcert("verify", folder, *more)
        assert "not checked" in run.out
        assert "alpha = 0.001" in run.out
    assert "not checked" not in topcert("verify", folder, *MODEL, "--replay", 5).out


@pytest.mark.parametrize("kind", [pa.uint64(), pa.uint8(), pa.string(), pa.list_(pa.int64())])
def test_odd_column_types_never_crash(
    folder: Path, topcert: Callable[..., Outcome], kind: pa.DataType
) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    radius = pa.array([None] * table.num_rows, kind)
    pq.write_table(table.set_column(3, "radius", radius), path)
    assert topcert("verify", folder).code in (1, 2)
    pq.write_table(table.append_column("certified_radius", table.column("radius")), path)
    assert topcert("verify", folder).code == 2


def test_a_folder_named_like_built_in_data_does_not_confuse(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("digits").mkdir()
    run = [
        "certify",
        "digits",
        "models_for_tests:linear",
        "--keep",
        10,
        "--limit",
        1,
        "--samples",
        20,
        "--out",
        "o",
    ]
    run += ["--label", "predicted"]  # it has 5 classes
    assert topcert(*run).code == 0
    assert topcert("verify", "o", *MODEL, "--replay", 3).code == 0
