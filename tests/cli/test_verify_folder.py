"""`topcert verify` on folders forged with its source at hand: each is refused in a line of its own,
or named unchecked.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.cli.test_verify import forge, rewrite_manifest
from tests.conftest import Outcome
from topcert.methods.certificate_table import CertificateTable
from topcert.report import figures
from topcert.voting.inputs import fingerprint_inputs
from topcert.voting.ledger import Ledger

COMMON = ["--samples", 300, "--batch-size", 50, "--out", "o"]
LINEAR = "models_for_tests:linear"
STOP = ["--stop", "radius=1", "--max-samples", 300, "--out", "o"]
RUNS: dict[str, list[object]] = {
    "plain": ["certify", "table.npz", LINEAR, "--keep", 2, "--k", 1, "--k", 3, *COMMON],
    "drawn": ["certify", "table.npz", LINEAR, "--keep", 2, "--k", 1, "--k", 3, *COMMON],
    "stopped": ["certify", "table.npz", LINEAR, "--keep", 2, "--k", 1, *STOP],
    "gaussian": ["certify", "images.npz", LINEAR, "--method", "cohen", "--sigma", 0.5, *COMMON],
}
MODEL = ["--model", "models_for_tests:linear"]
_MADE: dict[str, Path] = {}


def made(
    kind: str,
    topcert: Callable[..., Outcome],
    workplace: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A finished run, made once and copied."""
    np.savez(
        workplace / "images.npz",
        x=np.random.default_rng(2).random((3, 4, 4, 1)).astype(np.float32),
        y=[0, 1, 2],
    )
    if kind not in _MADE:
        run = topcert(*RUNS[kind])
        assert run.code == 0, run.err
        _MADE[kind] = tmp_path_factory.mktemp("kept") / "o"
        shutil.copytree("o", _MADE[kind])
    else:
        shutil.copytree(_MADE[kind], "o")
    return Path("o")


@pytest.fixture
def folder(
    workplace: Path, topcert: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return made("plain", topcert, workplace, tmp_path_factory)


def words(run: Outcome) -> str:
    return " ".join((run.out + run.err).split())


def forge_inputs(folder: Path, change: Callable[[pa.Table], pa.Table], **changes: object) -> None:
    """Another inputs table, with manifest, blocks, certificates, counts and accuracy made to fit,
    where that can be done.
    """
    path = folder / "ledger" / "inputs.parquet"
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    forge(folder, data_fingerprint=fingerprint_inputs(table), num_inputs=table.num_rows, **changes)


def replaced(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(
        place, table.schema.field(place), pa.array(values, table.schema.field(place).type)
    )


def append(path: Path, name: str, values: list[object]) -> None:
    table = pq.read_table(path)
    pq.write_table(table.append_column(name, pa.array(values)), path)


def test_the_honest_folder_is_good_and_nothing_of_it_is_unchecked(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("verify", folder, "--data", "table.npz", *MODEL, "--replay", 50)
    assert run.code == 0, run.err
    assert "not checked" not in run.out


def test_inputs_that_stand_there_twice_are_no_accuracy_of_600_percent(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    forge_inputs(folder, lambda table: replaced(table, "index", [0] * 8))
    run = topcert("verify", folder)
    assert run.code == 2
    assert "index 0 stands there twice; a run counts each input once" in words(run)
    assert topcert("evaluate", folder, "--k", 1).code == 2


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("index", [0, 2, 1, 3, 4, 5, 6, 7], "index 2 comes before 1"),
        ("index", [-3, 1, 2, 3, 4, 5, 6, 7], "index -3 is negative"),
        ("label", [9, 1, 2, 3, 4, 0, 1, 2], "label 9 is out of range; there are 5 classes"),
        ("label", [None, 1, 2, 3, 4, 0, 1, 2], "1 of 8 inputs have no label"),
    ],
)
def test_inputs_that_no_run_has_are_refused(
    folder: Path, topcert: Callable[..., Outcome], name: str, values: list[object], message: str
) -> None:
    forge_inputs(folder, lambda table: replaced(table, name, values))
    run = topcert("verify", folder)
    assert run.code == 2
    assert message in words(run)


@pytest.mark.parametrize("label", [5, 99])
def test_labels_out_of_range_in_a_stopped_ledger_are_refused(
    workplace: Path,
    topcert: Callable[..., Outcome],
    tmp_path_factory: pytest.TempPathFactory,
    label: int,
) -> None:
    folder = made("stopped", topcert, workplace, tmp_path_factory)
    assert topcert("verify", folder).code == 0
    path = folder / "ledger" / "inputs.parquet"
    table = replaced(pq.read_table(path), "label", [label, 1, 2, 3, 4, 0, 1, 2])
    pq.write_table(table, path)
    rewrite_manifest(folder, data_fingerprint=fingerprint_inputs(table))
    for block in (folder / "ledger").glob("block-*"):
        votes = pq.read_table(block)
        digest = Ledger.open(folder).manifest.digest()
        pq.write_table(
            votes.replace_schema_metadata({**votes.schema.metadata, b"manifest": digest.encode()}),
            block,
        )
    run = topcert("verify", folder)
    assert run.code == 2
    assert f"label {label} is out of range" in words(run)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("certificates.parquet", "its columns are"),
        ("ledger/inputs.parquet", "its columns are"),
        ("ledger/block-000000.parquet", "its columns are vote, certified_radius"),
    ],
)
def test_columns_that_no_run_writes_are_refused(
    folder: Path, topcert: Callable[..., Outcome], path: str, message: str
) -> None:
    append(folder / path, "certified_radius", [99] * pq.read_table(folder / path).num_rows)
    run = topcert("verify", folder)
    assert run.code == 2
    assert message in words(run)


def test_class_columns_of_other_names_in_counts_do_not_hold(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "counts.csv"
    header, *rows = path.read_text().splitlines()
    assert header == '"0","1","2","3","4","label"'
    path.write_text("\n".join(["safe,certified,robust,good,best,label", *rows]) + "\n")
    run = topcert("verify", folder)
    assert run.code == 1, words(run)
    assert (
        "counts.csv has the columns safe, certified, robust, good, best, label; the run writes 0,"
        " 1, 2, 3, 4, label" in words(run)
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block-000099.parquet", "lies beyond the last vote"),
        ("notes.txt", "holds 'notes.txt', which no run writes there"),
        (".hidden", "holds '.hidden', which no run writes there"),
        ("deeper", "holds 'deeper', which no run writes there"),
    ],
)
def test_what_no_run_writes_into_the_ledger_is_refused(
    folder: Path, topcert: Callable[..., Outcome], name: str, message: str
) -> None:
    path = folder / "ledger" / name
    if name.startswith("block"):
        shutil.copy(folder / "ledger" / "block-000000.parquet", path)
    elif name == "deeper":
        path.mkdir()
    else:
        path.write_text("x")
    run = topcert("verify", folder)
    assert run.code == 2
    assert message in words(run)


@pytest.mark.parametrize("factor", [1 + 2**-52, 1.5])
def test_an_l2_radius_is_larger_by_no_amount(
    workplace: Path,
    topcert: Callable[..., Outcome],
    tmp_path_factory: pytest.TempPathFactory,
    factor: float,
) -> None:
    folder = made("gaussian", topcert, workplace, tmp_path_factory)
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    stored = table.column("l2_radius").to_pylist()
    row = next(row for row, value in enumerate(stored) if value)
    for value, code in (
        (stored[row] * factor, 1),
        (stored[row] * (1 - 1e-12), 0),
        (stored[row] * (1 - 1e-6), 1),
    ):
        changed = [value if place == row else other for place, other in enumerate(stored)]
        pq.write_table(replaced(table, "l2_radius", changed), path)
        run = topcert("verify", folder)
        assert run.code == code, words(run)
    assert f"row {row}: l2_radius is" in words(run)


def test_a_certificate_that_stands_there_twice_is_refused_everywhere(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    with pytest.raises(ValueError, match="holds 2 certificates of index 0, k 1; one is needed"):
        CertificateTable.read(path)
    assert topcert("verify", folder).code == 2
    assert topcert("evaluate", folder).code == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data_options": {"data_dir": None, "limit": 3, "stride": None, "crop": None}},
            "num_inputs is 8",
        ),
        (
            {"data_options": {"data_dir": None, "limit": None, "stride": 5, "crop": None}},
            "has the stride 5",
        ),
        ({"algorithm": "philox4x64-circle64-1"}, "does not go with ablation noise"),
        ({"fill": None}, "the encoding sentinel has a number"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    folder: Path, topcert: Callable[..., Outcome], changes: dict[str, object], message: str
) -> None:
    rewrite_manifest(folder, **changes)
    if "stride" in message:
        rewrite_manifest(folder, **json.loads((_MADE["plain"] / "manifest.json").read_text()))
        forge(folder, **changes)
    run = topcert("verify", folder)
    assert run.code == 2
    assert message in words(run)


@pytest.mark.pictures
def test_a_changed_picture_does_not_hold(
    workplace: Path, topcert: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = made("drawn", topcert, workplace, tmp_path_factory)
    honest = (folder / "accuracy.png").read_bytes()
    with Image.open(folder / "accuracy.png") as image:
        pixels, description = np.array(image), image.info["Description"]
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Description", description)
    pixels[100:200, 100:400, :3] = 0  # a curve painted over, with the same claim of who drew it
    Image.fromarray(pixels).save(folder / "accuracy.png", pnginfo=info)
    run = topcert("verify", folder)
    assert run.code == 1
    assert "accuracy.png is not the picture of these certificates" in words(run)
    (folder / "accuracy.png").write_bytes(honest)
    text = (folder / "accuracy.svg").read_text()
    (folder / "accuracy.svg").write_text(text.replace("<path", "<path data-note='x'", 1))
    run = topcert("verify", folder)
    assert run.code == 1
    assert "accuracy.svg is not the picture of these certificates" in words(run)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"anything", b"<svg>drawn by hand</svg>"]
)
def test_a_picture_of_unknown_origin_is_named_as_not_checked(
    folder: Path, topcert: Callable[..., Outcome], content: bytes
) -> None:
    for name in ("accuracy.png", "accuracy.svg"):
        (folder / name).write_bytes(content)
    run = topcert("verify", folder)
    assert run.code == 0, words(run)
    assert "not checked: accuracy.png (" in words(run)
    assert "not checked: accuracy.svg (" in words(run)


def test_a_picture_of_another_release_is_named_as_not_checked(
    folder: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures.mpl, "__version__", "9.9.9")
    run = topcert("verify", folder)
    assert run.code == 0
    assert "not checked: accuracy.png (drawn by topcert" in words(run)
    assert "here it would be drawn by topcert" in words(run)


def test_files_that_nothing_checks_are_named(folder: Path, topcert: Callable[..., Outcome]) -> None:
    (folder / "report.html").write_text("certified: 100 %")
    (folder / "more").mkdir()
    (folder / "more" / "a\x1b[2Jb.csv").write_text("x")
    run = topcert("verify", folder)
    assert run.code == 0
    assert (
        r"not checked: 'more/a\x1b[2Jb.csv', report.html (which are no part of the record)"
        in words(run)
    )
    for number in range(12):
        (folder / f"n{number:02}").touch()
    assert "n06, 6 more (which" in words(topcert("verify", folder))


def test_the_first_line_says_whether_votes_were_traced_to_a_model(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    named = ["--data", "table.npz", *MODEL]
    first = [
        topcert("verify", folder, *more).out.splitlines()[0]
        for more in ([], named, [*named, "--replay", 5])
    ]
    assert first[0].startswith("not checked: no vote was traced to a model")
    assert first[1].startswith("not checked: the model was named but asked for no vote")
    assert first[2].startswith("16 certificates recomputed from")
    (folder / "counts.csv").unlink()  # also where something else goes wrong
    assert topcert("verify", folder).out.startswith("not checked: no vote was traced to a model")


def test_what_only_a_reader_can_judge_is_said(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    message = words(topcert("verify", folder))
    assert (
        "for you to judge: seed 0 was chosen by whoever made this, and one of many may have been"
        " picked" in message
    )
    assert (
        "for you to judge: the 8 inputs 0 .. 7 were taken (without --stride or --limit), and others"
        " left out" in message
    )
    assert "k, alpha, method and labels can be chosen after the votes" in message


def test_that_a_model_runs_code_is_said_before_it_runs(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("loud.py").write_text(
        "print('code of the model runs')\ndef make():\n    raise SystemExit(3)\n"
    )
    run = topcert("verify", folder, "--model", "loud:make", "--replay", 5)
    assert run.code == 2
    before, after = (
        run.out.index("--model loud:make runs the code in it"),
        run.out.index("code of the model runs"),
    )
    assert before < after
    assert "runs the code" not in topcert("verify", folder, "--model", "none.onnx").out


@pytest.mark.parametrize("command", ["verify", "evaluate"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("o/certificates.parquet", "o/certificates.parquet is a file; name the folder of a run: o"),
        ("o/ledger/block-000000.parquet", "is a file; name the folder of a run: "),
        ("o/ledger", "o/ledger holds no manifest.json; it is not the folder of a run: o"),
        ("table.npz", "table.npz is a file; name the folder of a run"),
        ("nowhere", "there is no folder nowhere; name the folder of a run, as given to --out"),
    ],
)
def test_what_is_not_the_folder_of_a_run_is_told_from_it(
    folder: Path, topcert: Callable[..., Outcome], command: str, given: str, message: str
) -> None:
    run = topcert(command, given, *(["--k", 1] if command == "evaluate" else []))
    assert run.code == 2
    assert message in words(run)
    assert "Errno" not in run.err


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
@pytest.mark.parametrize(
    "name", ["accuracy.png", "counts.csv", "manifest.json", "ledger/block-000000.parquet"]
)
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(
    folder: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    run = topcert("verify", folder)
    assert run.code == 2
    assert f"{name} is not a plain file; it cannot be checked" in words(run)
