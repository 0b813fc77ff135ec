"""`topcert verify` on more folders forged with its source at hand: words, numbers, sizes and
links.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.test_verify import forge, rewrite_manifest, write_again
from tests.cli.test_verify_folder import MODEL, made, words
from tests.conftest import Outcome
from topcert.evaluation.unread_files import unread_files


@pytest.fixture
def folder(
    workplace: Path, topcert: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return made("plain", topcert, workplace, tmp_path_factory)


def test_a_word_of_a_stranger_moves_no_cursor(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    forge(folder, runtime="x, cpu\n\x1b[2Kgood: all of it\u202e")
    run = topcert("verify", folder, "--data", "table.npz", *MODEL, "--replay", "all")
    assert run.code == 0, run.err
    assert "x, cpu\\n\\x1b[2Kgood: all of it\\u202e" in run.out
    assert not set(run.out + run.err) & {"\x1b", "\u202e"}
    assert not any(line.startswith("good: all") for line in run.out.splitlines())
    rewrite_manifest(folder, noise="\x1b[2Knone")
    assert "\x1b" not in topcert("verify", folder).err


def test_names_that_nobody_but_the_folder_gives_to_classes_are_refused(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "ledger" / "inputs.parquet"
    named = json.dumps(["harmless", "b", "c", "d", "harmful"])
    pq.write_table(pq.read_table(path).replace_schema_metadata({"class_names": named}), path)
    write_again(folder)
    assert topcert("verify", folder).code == 0  # by its maker's word
    run = topcert("verify", folder, "--data", "table.npz", *MODEL)
    assert run.code == 2
    assert "the folder has names of 5 classes, table.npz and models_for_tests:linear of 0" in words(
        run
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_inputs", 10**12, "num_inputs must be at most 100,000,000, got 1000000000000"),
        ("num_classes", 10**15, "num_classes must be at most 1,000,000"),
        ("num_samples", 10**30, "num_samples must be at most 100,000,000"),
        ("num_selection", 10**30, "num_selection must be at most 100,000,000"),
        ("batch_size", 10**30, "batch_size must be at most 1,000,000"),
        (
            "data_options",
            {"limit": None, "all of them": True},
            "no run writes the entry 'all of them'",
        ),
        ("data_options", {"resize": -3}, "data_options has resize -3"),
        ("data_options", {"class_names": ["a", "b"]}, "num_classes is 5, and data_options names 2"),
        (
            "data_options",
            {"range": [1.0, 0.0]},
            "data_options has the range [1.0, 0.0], which is none",
        ),
        ("data_options", {"channels": "middle"}, "data_options has the channels 'middle'"),
    ],
)
def test_numbers_that_no_run_has_are_refused_before_memory_is_asked_for(
    folder: Path, topcert: Callable[..., Outcome], name: str, value: object, message: str
) -> None:
    rewrite_manifest(folder, **{name: value})
    run = topcert("verify", folder)
    assert run.code == 2
    assert message in words(run)
    assert str(folder / "manifest.json") in words(run)


def test_a_number_of_thousands_of_digits_is_damage(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 0', f'"seed": {"9" * 5000}'))
    run = topcert("verify", folder)
    assert run.code == 2
    assert f"{path} is damaged" in words(run)


@pytest.mark.parametrize(
    "name", ["certificates.parquet", "ledger/inputs.parquet", "ledger/block-000000.parquet"]
)
def test_a_small_file_of_a_thousand_million_rows_is_not_read(
    folder: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = folder / name
    table = pq.read_table(path)
    # more rows than the limit, which the test sets low
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(100):
            writer.write_table(table)
    monkeypatch.setattr("topcert.voting.inputs.FEW_ROWS", 0)
    read = []
    whole = pq.read_table
    monkeypatch.setattr(pq, "read_table", lambda at: (read.append(Path(at).name), whole(at))[1])
    run = topcert("verify", folder)
    assert run.code == 2
    assert "which no run writes; it is not read" in words(run)
    assert path.name not in read


@pytest.mark.parametrize("link", ["counts.csv", "ledger/block-000000.parquet", "ledger"])
def test_what_is_read_through_a_link_is_named(
    folder: Path, topcert: Callable[..., Outcome], link: str
) -> None:
    Path("elsewhere").mkdir()
    shutil.move(str(folder / link), f"elsewhere/{Path(link).name}")
    (folder / link).symlink_to(Path(f"elsewhere/{Path(link).name}").resolve())
    run = topcert("verify", folder)
    assert run.code == 0, run.err
    assert f"not checked: whether {link} will stay: a link" in words(run)


def test_what_certificates_say_of_themselves_is_what_a_run_writes(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"alpha": b"0.000001"}), path
    )
    run = topcert("verify", folder)
    assert run.code == 1
    assert "certificates.parquet says of itself what no run writes: alpha" in words(run)


def test_a_check_that_says_two_things_is_refused(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "ledger" / "checks.json"
    path.write_text(path.read_text().replace('"rows"', '"rows": 1,\n  "rows"'))
    assert topcert("verify", folder).code == 2


def test_counts_whose_first_line_no_reader_takes_are_one_line(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "counts.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0].replace('"0"', f'"{"a" * 200_000}"'), *lines[1:]]) + "\n")
    run = topcert("verify", folder)
    assert run.code in (1, 2)
    assert "unexpected" not in run.err


def test_counts_beside_bounds_are_no_part_of_their_record(tmp_path: Path) -> None:
    for name in ("bounds.json", "counts.csv", "manifest.json", "accuracy.csv"):
        (tmp_path / name).touch()
    assert unread_files(tmp_path, ledger=False) == ["counts.csv", "manifest.json"]
    assert unread_files(tmp_path, ledger=True) == ["bounds.json"]


@pytest.mark.parametrize("name", ["ledger/inputs.parquet", "ledger/block-000000.parquet"])
def test_what_a_part_of_the_ledger_says_of_itself_is_what_a_run_writes(
    folder: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    table = pq.read_table(folder / name)
    message = {**(table.schema.metadata or {}), b"drawn under": b"another law"}
    pq.write_table(table.replace_schema_metadata(message), folder / name)
    run = topcert("verify", folder)
    assert run.code == 2
    assert f"{folder / name} says of itself what no run writes: 'drawn under'" in words(run)


def test_names_of_more_classes_than_there_are_are_refused(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "ledger" / "inputs.parquet"
    named = json.dumps([f"class {label}" for label in range(9)])
    pq.write_table(pq.read_table(path).replace_schema_metadata({"class_names": named}), path)
    run = topcert("verify", folder)
    assert run.code == 2
    assert "it names 9 classes, and there are 5" in words(run)


@pytest.mark.parametrize("kind", ["text", "folder"])
def test_a_lock_that_says_something_is_no_lock(
    folder: Path, topcert: Callable[..., Outcome], kind: str
) -> None:
    path = folder / "ledger" / ".lock"
    path.unlink(missing_ok=True)
    if kind == "text":
        path.write_text("certified: 99 pixels")
    else:
        path.mkdir()
    run = topcert("verify", folder)
    assert run.code == 2
    assert "holds '.lock', which no run writes there" in words(run)
