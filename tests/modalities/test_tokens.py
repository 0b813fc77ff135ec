"""Texts: how they are cut and packed, read, shown to models, and certified."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import topcert as tc
from tests.conftest import Outcome
from topcert.modalities.packed_text import LONGEST, UNKNOWN, as_texts, holds_text, pack
from topcert.modalities.tokens import words_of

WORDS = ("ball", "goal", "cpu", "disk", "soup", "salt")
NAMES = ("sport", "tech", "food")


def made_texts(count: int = 30) -> tuple[list[str], list[str]]:
    """Texts of 8 to 20 words, most of them of their class."""
    generator = np.random.default_rng(0)
    texts, labels = [], []
    for number in range(count):
        label = number % 3
        own, size = WORDS[2 * label : 2 * label + 2], int(generator.integers(8, 21))
        texts.append(
            " ".join(
                str(generator.choice(own if generator.random() < 0.8 else WORDS))
                for _ in range(size)
            )
        )
        labels.append(NAMES[label])
    return texts, labels


def by_words(texts: list[str]) -> list[str]:
    """The class that most words of a text are of."""
    return [
        NAMES[int(np.argmax([sum(t.count(w) for w in WORDS[2 * c : 2 * c + 2]) for c in range(3)]))]
        for t in texts
    ]


class ByWords:
    """A callable that gives names, and tells all of them in another order than that of text."""

    classes = NAMES

    def __call__(self, texts: list[str]) -> list[str]:
        return by_words(texts)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters=" \0")))))
def test_tokens_come_back_as_they_were_packed(rows: list[list[str]]) -> None:
    for row in rows:
        tokens = [token for token in row if token and len(token.encode()) <= LONGEST]
        packed = pack(tokens)
        assert packed.shape == (len(tokens), 4)
        assert as_texts(packed[None]) == [" ".join(tokens)]
        assert holds_text(packed[None])


def test_a_long_token_counts_by_its_first_bytes() -> None:
    one, other = "x" * LONGEST, "x" * (LONGEST + 5)
    np.testing.assert_array_equal(pack([one]), pack([other]))
    assert as_texts(pack(["ä" * 20])[None]) == ["ä" * (LONGEST // 2)]
    assert not np.array_equal(pack(["x" * (LONGEST - 1)]), pack([one]))


@given(st.lists(st.floats(width=64), min_size=8, max_size=8))
def test_any_numbers_are_read_as_something(values: list[float]) -> None:
    batch = np.array(values).reshape(1, 2, 4)
    assert as_texts(batch) == [f"{UNKNOWN} {UNKNOWN}"]
    batch[0, 1] = pack(["word"])[0]
    assert as_texts(batch) == [f"{UNKNOWN} word"]
    batch[0, 1, 3] += 0.5
    assert as_texts(batch) == [f"{UNKNOWN} {UNKNOWN}"]
    assert not holds_text(batch)


def edit_distance(one: list[str], other: list[str]) -> int:
    """Insertions, deletions and replacements that make one of the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def test_one_changed_character_changes_two_words_at_most() -> None:
    """Every text of four characters, and every insertion, deletion and replacement of one."""
    alphabet, worst = "ab .\u0130", 0
    for size in range(5):
        for characters in itertools.product(alphabet, repeat=size):
            text = "".join(characters)
            words = words_of(text)
            for place in range(size + 1):
                changed = [text[:place] + new + text[place:] for new in alphabet]
                changed += [text[:place] + new + text[place + 1 :] for new in ("", *alphabet)]
                worst = max(worst, *(edit_distance(words, words_of(one)) for one in changed))
    assert worst == 2


def write_records(path: Path, texts: list[str], labels: list[str]) -> None:
    records = [
        {"id": number, "body": text, "topic": label}
        for number, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(one) for one in records) + "\n\n")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(
                file, ["id", "body", "topic"], delimiter="\t" if path.suffix == ".tsv" else ","
            )
            writer.writeheader()
            writer.writerows(records)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_records_hold_what_texts_in_memory_hold(tmp_path: Path, suffix: str) -> None:
    texts, labels = made_texts()
    texts[1] = 'He said: "ball,\n\tgoal"; ' + texts[1]
    path = tmp_path / f"texts{suffix}"
    write_records(path, texts, labels)
    records = tc.Records(modality="tokens", columns={"text": "body", "label": "topic"})
    read = tc.Reading(records=records, limit=7).load(str(path))
    assert read.modality.name == "tokens"
    assert read.class_names == ("food", "sport", "tech")
    for position in range(7):
        np.testing.assert_array_equal(read.read(position), pack(words_of(texts[position])))
        assert labels[position] == read.class_names[read.labels[position]]  # type: ignore[index]
    assert tc.Reading.from_json(tc.Reading(records=records).to_json()).records == records


def test_a_folder_of_texts_has_a_folder_a_class(tmp_path: Path) -> None:
    texts, labels = made_texts(6)
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{number}.txt").write_text(text)
    reading = tc.Reading(records=tc.Records(modality="tokens"))
    read = reading.load(str(tmp_path))
    assert read.input_names == tuple(
        f"{labels[n]}/{n}.txt" for n in sorted(range(6), key=lambda n: (labels[n], n))
    )
    assert read.class_names == ("food", "sport", "tech")
    (tmp_path / "food" / "deeper").mkdir()
    (tmp_path / "food" / "deeper" / "1.TXT").write_text("a")
    with pytest.raises(ValueError, match=r"holds food/deeper/1\.TXT, deeper than CLASS"):
        reading.load(str(tmp_path))
    (tmp_path / "stray.txt").write_text("a")
    with pytest.raises(ValueError, match=r"holds stray\.txt beside folders of texts"):
        reading.load(str(tmp_path))


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"text": "words"},
            "has no column 'words'; it has id, body, topic; name the .*--text-",
        ),
        ({}, "has no column 'text'"),
        ({"text": "body", "label": "no"}, "no column 'no'.* with --label-column"),
    ],
)
def test_a_column_that_is_missing_is_named(
    tmp_path: Path, columns: dict[str, str], says: str
) -> None:
    write_records(tmp_path / "t.csv", *made_texts(3))
    records = tc.Records(modality="tokens", columns=columns)
    with pytest.raises(ValueError, match=says):
        tc.Reading(records=records).load(str(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "id,text\n", "holds no records"),
        ("t.csv", 'id,text\n1,"a\n', "unexpected end of data"),
        ("t.csv", "id,text\n1\n", "record 0 of .* has no 'text'"),
        ("t.csv", "text,text\na,b\n", "has 2 columns 'text'"),
        ("t.csv", "text,id\na, b,1\n", "record 0 of .* has more values than the header"),
        ("t.jsonl", '{"text": "a", "text": "b"}\n', "names 'text' twice"),
        ("t.jsonl", "[1]\n", "line 1 is no JSON object"),
        ("t.jsonl", '{"text": "a"}\n{"text": 3}\n', "text 1 is int, no text"),
        ("t.jsonl", '{"text": "a"}\n{"tex', "cannot be read as texts"),
        ("t.parquet", "PAR1", "cannot be read as texts"),
        ("t.xlsx", "", r"is none of \.csv"),
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    reading = tc.Reading(records=tc.Records(modality="tokens"))
    with pytest.raises(ValueError, match=says):
        reading.load(str(tmp_path / name))


@pytest.mark.parametrize("wrong", ["1", True, 1.0, None, [1]])
def test_labels_of_several_kinds_are_refused(tmp_path: Path, wrong: object) -> None:
    records = tc.Records(modality="tokens", columns={"label": "label"})
    path = tmp_path / "t.jsonl"
    lines = [json.dumps({"text": "a b", "label": label}) for label in (0, wrong)]
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match="record 1"):
        tc.Reading(records=records).load(str(path))


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_label_is_no_class_and_a_blank_text_is_a_text(tmp_path: Path, blank: str) -> None:
    records = tc.Records(modality="tokens", columns={"label": "label"})
    path = tmp_path / "t.csv"
    path.write_text(f"text,label\na b,one\n{blank},two\n")
    assert tc.Reading(records=records).load(str(path)).class_names == ("one", "two")
    path.write_text(f"text,label\na b,one\nb a,{blank}\n")
    with pytest.raises(ValueError, match=r"record 1 of .* has no 'label'"):
        tc.Reading(records=records).load(str(path))


@pytest.mark.parametrize("name", ["missing", "missing.csv", "missing.odt"])
def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    reading = tc.Reading(records=tc.Records(modality="tokens"))
    with pytest.raises(ValueError, match=f"{name} does not exist$"):
        reading.load(str(tmp_path / name))


def test_a_function_that_gives_names_is_certified_and_checked(tmp_path: Path) -> None:
    texts, labels = made_texts()
    texts[3], texts[5] = "", "ball goal"
    numbers = [NAMES.index(label) for label in labels]
    smoothed = tc.SmoothedClassifier(ByWords(), noise=tc.Ablation(num_kept=6))
    votes = smoothed.vote(texts, numbers, num_samples=300, progress=False, out=tmp_path / "run")
    assert len(votes.counts) == 28  # too short ones are left out
    found = votes.certify(k=1)
    assert "tokens inserted, deleted or replaced" in repr(found)
    radii = found.radii(1)
    assert (radii >= 0).mean() > 0.9
    assert (radii >= 1).mean() > 0.3
    found.save()
    again = tc.verify(tmp_path / "run", ByWords(), data=texts, labels=numbers, progress=False)
    assert again


def test_the_command_line_goes_from_records_to_certificates(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    texts, labels = made_texts()
    write_records(workplace / "t.jsonl", texts, labels)
    from joblib import dump
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    dump(make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, labels), "m.joblib")
    named = ["--modality", "tokens", "--text-column", "body", "--label-column", "topic"]
    asked = ["certify", "t.jsonl", "m.joblib", "--keep", 5, "--samples", 300, "--k", 1]
    run = topcert(*asked, *named, "--out", "run")
    assert run.code == 0, run.err
    shown = " ".join(run.out.split())
    assert "however an attacker inserts, deletes or replaces up to r of its tokens" in shown
    assert "one changed character moves 2 tokens of the certified array" in shown
    again = topcert("verify", "run", "--model", "m.joblib", "--replay", "all")
    assert again.code == 0, again.err
    run = topcert(*asked, "--out", "other")
    assert run.code == 2
    assert "must be said, as --modality tokens" in run.err
    run = topcert(*asked, "--text-column", "body", "--out", "other")
    assert run.code == 2
    assert "--text-column is for a file of records; say of what" in run.err


def test_numbers_of_a_tokenizer_are_shown_as_they_are() -> None:
    """Ids of one byte are no shades of grey."""
    ids = [np.arange(200, 200 + size, dtype=np.uint8)[:, None] for size in (5, 9)]
    smoothed = tc.SmoothedClassifier(
        lambda batch: np.isin(batch[..., 0], range(200, 209)).all(axis=1),
        noise=tc.Ablation(num_kept=3),
        unit="token",
        num_classes=2,
    )
    votes = smoothed.vote(ids, [1, 1], num_samples=50, progress=False)
    assert votes.counts.tolist() == [[0, 50], [0, 50]]
