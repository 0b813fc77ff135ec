"""A table that somebody made gives its own counts or one clear line: no index, name or total is
ever a class.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from topcert.evaluation.counts import read_counts, write_counts
from topcert.evaluation.given_counts import Counts, read_given_counts
from topcert.voting.given_names import Names

ROWS = [[980, 10, 10], [10, 980, 10], [10, 10, 980], [400, 300, 300]]
LABELS = [0, 1, 2, 0]


def csv_of(columns: dict[str, list[object]]) -> str:
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    return "\n".join(lines) + "\n"


def plain(found: Counts) -> tuple[np.ndarray, np.ndarray | None]:
    return found.counts, found.labels


def classes(names: str = "cat dog fox") -> dict[str, list[object]]:
    return {name: [row[j] for row in ROWS] for j, name in enumerate(names.split())}


GOOD: dict[str, str | bytes] = {
    "plain": csv_of({**classes(), "label": [*LABELS]}),
    "label first": csv_of({"label": [*LABELS], **classes()}),
    "numbered": csv_of({**classes("0 1 2"), "label": [*LABELS]}),
    "letters, n and y among them": csv_of({**classes("k n y"), "label": [*LABELS]}),
    "names with digits": csv_of({**classes("3d 7up file_system"), "label": [*LABELS]}),
    "labels by name": csv_of({**classes(), "label": ["cat", "dog", "fox", "cat"]}),
    "votes stated": csv_of({**classes(), "votes": [1000] * 4, "label": [*LABELS]}),
    "a mark at the beginning": "\ufeff" + csv_of({**classes(), "label": [*LABELS]}),
    "lines of Windows": csv_of({**classes(), "label": [*LABELS]}).replace("\n", "\r\n"),
    "no last newline": csv_of({**classes(), "label": [*LABELS]}).strip(),
    "empty lines": csv_of({**classes(), "label": [*LABELS]}).replace("\n", "\n\n"),
    "all quoted": csv_of({f'"{name}"': [f'"{cell}"' for cell in column] for name, column in
                          {**classes(), "label": [*LABELS]}.items()}),
    "compressed": gzip.compress(csv_of({**classes(), "label": [*LABELS]}).encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_table_gives_its_own_counts(tmp_path: Path, name: str) -> None:
    text = GOOD[name]
    path = tmp_path / ("t.csv.gz" if isinstance(text, bytes) else "t.csv")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for counts, labels in (
        read_counts(path),
        *(plain(read_given_counts(path, samples=samples)) for samples in (None, 1000)),
    ):
        assert counts.dtype == np.int64
        assert counts.tolist() == ROWS
        assert labels is not None
        assert labels.tolist() == LABELS


NO_CLASS = [
    *(
        "",
        " ",
        "Unnamed: 0",
        "Unnamed: 0.1",
        "unnamed_1",
        "__index_level_0__",
        "__index_level_1__",
        "index",
        "Index",
        "idx",
    ),
    *(
        "id",
        "ID",
        "image_id",
        "imageId",
        "Sample Idx",
        "row",
        "row_number",
        "image",
        "file",
        "filename",
        "name",
        "path",
    ),
    *(
        "level_0",
        "#",
        "n",
        "N",
        "count",
        "total",
        "Total",
        "sum",
        "sum_votes",
        "votes_total",
        "n_samples",
        "num_votes",
    ),
    *(
        "Votes",
        "Label",
        " label",
        "labels",
        "target",
        "y",
        "y_true",
        "class",
        "predicted",
        "pred",
        "k",
        "radius",
        "seed",
    ),
]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("name", NO_CLASS)
def test_a_column_that_is_no_class_by_its_name_is_refused(
    tmp_path: Path, name: str, place: str, kind: str
) -> None:
    # as many in every row: its name alone tells
    odd: dict[str, list[object]] = {name: [7, 7, 7, 7]}
    columns = {**odd, **classes()} if place == "first" else {**classes(), **odd}
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        path.write_text(csv_of(columns))
    else:
        pq.write_table(pa.table(columns), path)
    for read in (
        read_counts,
        lambda path: read_given_counts(path, samples=None),
        lambda path: read_given_counts(path, samples=1007),
    ):
        with pytest.raises(
            ValueError, match=r"is no class|is the table's index|index or a name"
        ) as caught:
            read(path)
        assert repr(name) in str(caught.value) or "which has no name" in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (
            [0, 1, 2, 3],
            (
                r"row 0 sum to 1000, those of row 1 to 1001 \(without column 'odd' every row has"
                r" 1000: is it a class\?"
            ),
        ),
        ([1, 2, 3, 4], "without column 'odd'"),
        ([4711, 12, 99, 3], "without column 'odd'"),
        ([1000, 1000, 1000, 1000], "column 'odd' is the sum of all others in every row"),
    ],
)
@pytest.mark.parametrize("name", ["odd", "3"])
def test_a_column_that_is_no_class_by_its_values_is_refused(
    tmp_path: Path, name: str, extra: list[object], says: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        csv_of(
            {**classes("0 1 2" if name == "3" else "cat dog fox"), name: extra, "label": [*LABELS]}
        )
    )
    with pytest.raises(ValueError, match=says.replace("'odd'", repr(name))):
        read_given_counts(path, samples=None)
    with pytest.raises(ValueError, match=f"not to --samples 1000.*without column {name!r}"):
        read_given_counts(path, samples=1000)


def test_rows_of_other_sums_need_their_number_of_votes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows: dict[str, list[object]] = {"cat": [90, 5, 1], "dog": [5, 180, 2], "fox": [5, 15, 7]}
    path.write_text(csv_of(rows))
    with pytest.raises(
        ValueError, match=r"row 0 sum to 100, those of row 1 to 200; leave out .* column `votes`"
    ):
        read_given_counts(path, samples=None)
    path.write_text(csv_of({**rows, "votes": [100, 200, 10]}))
    assert read_given_counts(path, samples=None).counts.tolist() == [
        [90, 5, 5],
        [5, 180, 15],
        [1, 2, 7],
    ]
    with pytest.raises(ValueError, match="row 1 sum to 200, not to --samples 100"):
        read_given_counts(path, samples=100)
    path.write_text(csv_of({**rows, "votes": [100, 201, 10]}))
    with pytest.raises(ValueError, match="row 1 sum to 200, but its `votes` say 201"):
        read_given_counts(path, samples=None)


def test_a_class_with_half_of_all_votes_is_one_where_the_number_of_votes_is_known(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("cat,dog,fox\n5,3,2\n5,4,1\n")
    with pytest.raises(ValueError, match="--samples that every input has 10 votes"):
        read_given_counts(path, samples=None)
    assert read_given_counts(path, samples=10).counts.tolist() == [[5, 3, 2], [5, 4, 1]]
    path.write_text("0,1,2\n5,3,2\n")
    assert read_given_counts(path, samples=None).counts.tolist() == [[5, 3, 2]]
    path.write_text("cat,dog,all\n3,2,5\n")
    with pytest.raises(ValueError, match="'all'"):
        read_given_counts(path, samples=None)


BAD: list[tuple[str | bytes, str]] = [
    ("", "cannot be read"),
    ("\n\n", "cannot be read"),
    ("cat,dog\n", "no rows"),
    ("cat;dog;label\n980;10;0\n", "separated by ';'"),
    ("cat\tdog\tlabel\n980\t10\t0\n", "separated by"),
    ("cat|dog\n980|10\n", "separated by"),
    ("cat dog\n980 10\n", "at least 2"),
    ("980,10,10\n10,980,10\n", "must name the classes"),
    ("9.5,10,10\n10,980,10\n", "must name the classes"),
    ("1,2,3\n980,10,10\n", "must name the classes"),
    ("cat,dog,2\n980,10,10\n", "must name the classes"),
    ("cat,cat,dog\n980,10,10\n", "two columns named 'cat'"),
    ("cat,dog,label,label\n980,10,0,0\n", "two columns named 'label'"),
    ("cat,dog,\n980,10,\n", "column 3, which has no name"),
    ("cat,dog,fox\n980,10\n", "cannot be read"),
    ("cat,dog\n980,10,10\n", "cannot be read"),
    ("# votes of a run\ncat,dog\n980,10\n", "cannot be read"),
    ("cat,dog\n980.0,10.0\n", "digits alone"),
    ("cat,dog\n1e3,10\n", "digits alone"),
    ('cat,dog\n"1,000",10\n', "'1,000'"),
    ("cat,dog\n1_000,10\n", "'1_000'"),
    ("cat,dog\n1'000,10\n", "digits alone"),
    ("cat,dog\n1 000,10\n", "digits alone"),
    ("cat,dog\n98%,2%\n", "'98%'"),
    ("cat,dog\ntrue,false\n", "bool"),
    ("cat,dog\n2024-01-01,10\n", "digits alone"),
    ("cat,dog\nNaN,10\n5,5\n", "empty cells"),
    ("cat,dog\n,10\n", "empty cells"),
    ("cat,dog\n5,5\nnone,10\n", "digits alone"),
    ("cat,dog\n-5,10\n", "negative"),
    ("cat,dog\n99999999999999999999,10\n", "digits alone"),
    ("cat,dog\n9223372036854775807,10\n", "go up to"),
    ("cat,dog\n100000001,10\n", "go up to"),
    ("cat\n5\n", "at least 2"),
    ("cat,label\n5,0\n", "at least 2"),
    ("cat,dog,label\n5,4,2\n", "label 2 is out of range"),
    ("cat,dog,label\n5,4,-1\n", "label -1 is out of range"),
    ("cat,dog,label\n5,4,cow\n", "label 'cow' is no class"),
    ("cat,dog,label\n5,4,0.0\n", "digits alone"),
    ("cat,dog,label\n5,4,\n", "empty cells"),
    ("cat,dog,photo\n5,4,a.jpg\n", "'photo'"),
    ("cat,dog,split\n5,4,test\n", "'split' holds string"),
    ("cat,dog\n0,0\n", "no votes"),
    ("cat,dog\n5,4\n\x00\x00\n", "cannot be read"),
    ("cat,dog\n5,4\n".encode("utf-16"), "cannot be read|must name|which has no name"),
    (b"PK\x03\x04" + bytes(range(256)), "cannot be read"),
    (b"PAR1 and nothing of it", "cannot be read"),
    (b"cat,d\xf6g\n5,4\n", "cannot be read"),
]


@pytest.mark.parametrize(("content", "says"), BAD)
def test_a_bad_table_is_one_clear_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=says) as caught:
        read_given_counts(path, samples=None)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def parquet(columns: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


INTS = {
    name: pa.array([row[j] for row in ROWS], pa.int64())
    for j, name in enumerate(["cat", "dog", "fox"])
}
ENCODED = {name: column.dictionary_encode() for name, column in INTS.items()}
NAMED = pa.array(["cat", "dog", "fox", "cat"])


@pytest.mark.parametrize(
    "columns",
    [
        {**INTS, "label": pa.array(LABELS, pa.int8())},
        {
            **{name: column.cast(pa.uint16()) for name, column in INTS.items()},
            "label": pa.array(LABELS, pa.uint64()),
        },
        {**ENCODED, "label": pa.array(LABELS).dictionary_encode()},
        {**INTS, "label": NAMED},
        {**INTS, "label": NAMED.dictionary_encode()},
        {**INTS, "label": NAMED.cast(pa.large_string())},
    ],
)
@pytest.mark.parametrize("name", ["t.parquet", "t.pq", "t.csv", "label=2/t.parquet"])
def test_parquet_is_read_by_what_it_holds_and_by_nothing_around_it(
    tmp_path: Path, columns: dict[str, object], name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(parquet(columns))
    counts, labels = plain(read_given_counts(tmp_path / name, samples=None))
    assert counts.tolist() == ROWS
    assert labels is not None
    assert labels.tolist() == LABELS


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({**INTS, "odd": pa.array([1.0, 2.0, 3.0, 4.0])}, "'odd' holds double"),
        ({**INTS, "odd": pa.array([True] * 4)}, "'odd' holds bool"),
        ({**INTS, "odd": pa.array([[1], [2], [3], [4]])}, "'odd' holds list"),
        ({**INTS, "odd": pa.array([{"a": 1}] * 4)}, "'odd' holds struct"),
        ({**INTS, "odd": pa.array([None, 1, 2, 3])}, "'odd' has empty cells"),
        ({**INTS, "odd": pa.array([None] * 4)}, "'odd' has empty cells"),
        ({**INTS, "odd": pa.array([2**63 + 5] * 4, pa.uint64())}, "go up to"),
        ({"cat": INTS["cat"]}, "at least 2"),
        ({}, "at least 2|no rows"),
        ({name: column[:0] for name, column in INTS.items()}, "no rows"),
    ],
)
def test_a_bad_parquet_table_is_one_clear_line(
    tmp_path: Path, columns: dict[str, object], says: str
) -> None:
    (tmp_path / "t.parquet").write_bytes(parquet(columns))
    with pytest.raises(ValueError, match=says) as caught:
        read_given_counts(tmp_path / "t.parquet", samples=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "shown", [b'{"index_columns": ["photograph"]}', b'{"index_columns": ["__index_level_0__"]}']
)
def test_what_pandas_wrote_as_the_index_is_no_class(tmp_path: Path, shown: bytes) -> None:
    name = "photograph" if b"photograph" in shown else "__index_level_0__"
    table = pa.table({**INTS, name: pa.array([5, 5, 5, 5])}).replace_schema_metadata(
        {"pandas": shown}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=f"column '{name}' is the table's index"):
        read_counts(tmp_path / "t.parquet")
    # an index of numbers in a row is no column
    pq.write_table(table.drop_columns([name]), tmp_path / "t.parquet")
    assert read_counts(tmp_path / "t.parquet")[0].tolist() == ROWS


def test_what_is_written_is_read_whatever_the_number_of_classes(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for num_classes in (2, 3, 12, 1000):
        counts = generator.multinomial(50, np.full(num_classes, 1 / num_classes), size=3)
        write_counts(counts, np.array([0, 1, 1]), tmp_path / "counts.csv")
        assert np.array_equal(
            read_given_counts(tmp_path / "counts.csv", samples=None).counts, counts
        )


def test_a_table_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (csv_of(classes()).encode(), parquet(dict(INTS))):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert read_given_counts(Path("-"), samples=None).counts.tolist() == ROWS
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(ValueError, match="standard input cannot be read"):
        read_given_counts(Path("-"), samples=None)


def test_radius_reads_standard_input_and_says_which_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topcert: Callable[..., Outcome]
) -> None:
    asked = ["--keep", 10, "--features", 100, "--k", 1, "--alpha", 0.01]
    (tmp_path / "t.csv").write_text(csv_of({**classes(), "label": [*LABELS]}))
    wanted = topcert("radius", tmp_path / "t.csv", *asked)
    assert wanted.code == 0
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "t.csv").read_bytes()))
    )
    assert topcert("radius", "-", *asked).out == wanted.out
    (tmp_path / "t.csv").write_text(csv_of({"odd": [0, 1, 2, 3], **classes()}))
    run = topcert("radius", tmp_path / "t.csv", *asked, "--label", "predicted")
    assert run.code == 2
    assert "without column 'odd'" in run.err
    assert len(run.err.strip().splitlines()) == 1


NAMED = """name,0,1,2,label,class
a/x.jpg,980,10,10,0,007
b/y.jpg,10,980,10,1,true
a/z.jpg,600,300,100,0,007
"""


def test_names_of_rows_and_classes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(NAMED)
    found = read_given_counts(path, samples=None).names
    assert (found.inputs, found.classes) == (("a/x.jpg", "b/y.jpg", "a/z.jpg"), ("007", "true", ""))
    path.write_text(csv_of({**classes(), "label": [*LABELS]}))
    found = read_given_counts(path, samples=None).names
    assert (found.inputs, found.classes) == (None, ("cat", "dog", "fox"))
    path.write_text(csv_of({**classes("0 1 2"), "label": [*LABELS]}))
    assert read_given_counts(path, samples=None).names == Names()


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("b/y.jpg", "", "row 1 has no name, and others have one"),
        ("1,true", "0,true", "label 0 has two names in the column class, '007' and 'true'"),
    ],
)
def test_names_in_doubt_are_refused(tmp_path: Path, was: str, now: str, says: str) -> None:
    (tmp_path / "t.csv").write_text(NAMED.replace(was, now))
    with pytest.raises(ValueError, match=says):
        read_given_counts(tmp_path / "t.csv", samples=None)


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        (b"PK\x03\x04" + bytes(99), "a zip archive, as .xlsx is: export it as CSV"),
        ("cat,dog\n5,4\n".encode("utf-16"), "it is UTF-16: save it as UTF-8"),
        (gzip.compress(b"cat,dog\n5,4\n", mtime=0), "it is compressed: let its name end in .gz"),
        (b'[{"cat": 5, "dog": 4}]', "it seems to be JSON: write it as CSV"),
        (b"\n <table><tr><td>5</td></tr></table>", "it seems to be HTML or XML: export it as CSV"),
        ("caf\u00e9,dog\n5,4\n".encode("latin-1"), "save it as UTF-8"),
        (b"# votes\ncat,dog\n5,4\n", "one header and commas, as many cells in every row"),
        (b"cat,dog\n5\n", "one header and commas, as many cells in every row"),
    ],
)
def test_a_file_that_is_no_table_says_what_to_do(tmp_path: Path, content: bytes, fix: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"t\.csv cannot be read as counts: ") as caught:
        read_counts(tmp_path / "t.csv")
    assert fix in str(caught.value)


@pytest.mark.parametrize("name", ["confidence", "margin", "share", "Score", "std"])
def test_a_measure_of_the_votes_is_no_class(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text(csv_of({**classes(), name: [97] * 4}))
    with pytest.raises(ValueError, match=f"column '{name}' is no class; leave it out"):
        read_given_counts(tmp_path / "t.csv", samples=None)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("cat,cat ,fox", "two columns named 'cat'"),
        ("c\x1b[2Kat,dog,fox", "holds characters that cannot be shown"),
    ],
)
def test_headings_that_look_alike_or_cannot_be_shown_are_refused(
    tmp_path: Path, header: str, says: str
) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n5,3,2\n4,4,2\n")
    with pytest.raises(ValueError, match=says):
        read_given_counts(tmp_path / "t.csv", samples=None)


def test_a_class_may_be_a_picture(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\U0001f431,\U0001f436\n5,3\n4,4\n")
    assert read_given_counts(tmp_path / "t.csv", samples=8).names.classes == (
        "\U0001f431",
        "\U0001f436",
    )


def test_labels_that_are_none_are_told_as_labels(tmp_path: Path) -> None:
    for cell, says in (
        ("0.0", "labels are headings of columns, or places from 0"),
        ("", "label every input"),
    ):
        (tmp_path / "t.csv").write_text(f"cat,dog,label\n5,3,0\n4,4,{cell}\n")
        with pytest.raises(ValueError, match=f"column 'label' .*{says}"):
            read_given_counts(tmp_path / "t.csv", samples=8)


@pytest.mark.parametrize("way", ["string", "large_string", "dictionary"])
def test_names_of_rows_are_read_in_any_way_of_parquet(tmp_path: Path, way: str) -> None:
    names = pa.array(
        ["a.jpg", "b.jpg"], pa.large_string() if way == "large_string" else pa.string()
    )
    table = pa.table(
        {
            "name": names.dictionary_encode() if way == "dictionary" else names,
            "cat": [5, 4],
            "dog": [3, 4],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = read_given_counts(tmp_path / "t.parquet", samples=8)
    assert (found.names.inputs, found.names.classes) == (("a.jpg", "b.jpg"), ("cat", "dog"))
    assert found.counts.tolist() == [[5, 3], [4, 4]]
