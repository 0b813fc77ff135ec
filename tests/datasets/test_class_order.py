"""Classes of data and model: by name where both have names, by number where that is beyond doubt,
else an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from topcert.datasets import Dataset, load_dataset
from topcert.datasets.class_order import order_classes, read_class_names


def folder(path: Path, *names: str) -> Dataset:
    for name in names:
        (path / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(path / name / "a.png")
    return load_dataset(str(path))


def table(path: Path, y: Any, **more: Any) -> Dataset:
    np.savez(path / "t.npz", x=np.zeros((len(y), 2)), y=np.array(y), **more)
    return load_dataset(str(path / "t.npz"))


def order(dataset: Dataset, num_classes: int, **options: Any) -> Dataset:
    return order_classes(dataset, model="M", num_classes=num_classes, **options)


def labels(dataset: Dataset) -> list[int]:
    assert dataset.labels is not None
    return dataset.labels.tolist()


@pytest.mark.parametrize("way", ["model_names", "given"])
def test_folders_are_matched_by_name(tmp_path: Path, way: str) -> None:
    names = ("fox", "ant", "cat", "dog", "bee")
    found = order(folder(tmp_path, "ant", "cat", "fox"), 5, **{way: names})
    assert labels(found) == [1, 2, 0]
    assert found.class_names == names


def test_what_a_person_names_stands_over_what_the_model_does(tmp_path: Path) -> None:
    dataset = folder(tmp_path, "ant", "bee")
    assert labels(order(dataset, 2, model_names=("x", "y"), given=("bee", "ant"))) == [1, 0]


def test_numerals_are_matched_by_name_and_never_by_their_order_as_text(tmp_path: Path) -> None:
    dataset = folder(tmp_path, *map(str, range(12)))
    assert dataset.class_names[:4] == ("0", "1", "10", "11")
    numbered = order(dataset, 12, model_names=tuple(map(str, range(12))))
    assert labels(numbered) == [0, 1, 10, 11, *range(2, 10)]
    as_text = order(dataset, 12, model_names=dataset.class_names)
    assert labels(as_text) == list(range(12))
    with pytest.raises(
        ValueError, match=r"as text '11' comes before '2', as numbers after it.*--class-names FILE"
    ):
        order(dataset, 12)


@pytest.mark.parametrize(
    "names", [("0", "1", "2"), ("01", "02", "10"), ("a", "b10", "b2"), ("2", "3", "cat")]
)
def test_names_of_one_order_alone_are_numbered_in_it(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    found = order(folder(tmp_path, *names), 3)
    assert labels(found) == [0, 1, 2]
    assert found.class_names == names


@pytest.mark.parametrize("names", [("10", "9", "cat"), ("-1", "-2", "0"), ("1.5", "10", "9.5")])
def test_numerals_of_two_orders_are_refused_among_others_too(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="names are numbers"):
        order(folder(tmp_path, *names), 3)


@pytest.mark.parametrize("num_classes", [2, 4, 10])
def test_another_number_of_classes_is_refused_without_names(
    tmp_path: Path, num_classes: int
) -> None:
    dataset = folder(tmp_path, "ant", "bee", "cat")
    with pytest.raises(
        ValueError, match=rf"3 classes, 'ant', 'bee', 'cat', and M has {num_classes} .* in doubt"
    ):
        order(dataset, num_classes)
    left = order(dataset, num_classes, unmatched="leave out")
    assert left.labels is None
    assert "labels are left out" in left.notes[-1]


def test_a_folder_from_before_is_read_in_its_own_order_with_a_note(tmp_path: Path) -> None:
    """0.1.0 took the order of the data; whether the labels are the recorded ones is for their
    fingerprint to tell.
    """
    kept = order(folder(tmp_path, "ant", "bee", "cat"), 5, unmatched="keep")
    assert labels(kept) == [0, 1, 2]
    assert "classes are taken in the order of the data" in kept.notes[-1]
    # labels beyond the classes could not be kept
    with pytest.raises(ValueError, match="3 classes"):
        order(load_dataset(str(tmp_path)), 2, unmatched="keep")


def test_a_folder_without_pictures_is_named_where_classes_are_too_few(tmp_path: Path) -> None:
    (tmp_path / "bee").mkdir()
    with pytest.raises(
        ValueError, match=r"has 2 classes, .* \(.*a folder without pictures, so no class\): bee/\)$"
    ):
        order(folder(tmp_path, "ant", "cat"), 3)


def test_published_classes_are_no_exception() -> None:
    with pytest.raises(ValueError, match="digits has 10 classes"):
        order(load_dataset("digits", limit=3), 11)
    moved = order(load_dataset("digits", limit=3), 11, given=("background", *"0123456789"))
    assert labels(moved) == [label + 1 for label in labels(load_dataset("digits", limit=3))]


def test_a_name_that_the_model_has_not_is_refused_with_the_name(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"has the class 'Bee', M has 'ant', 'bee': classes are matched by name"
    ):
        order(folder(tmp_path, "Bee", "ant"), 2, model_names=("ant", "bee"))


@pytest.mark.parametrize("names", [("c\u00e1t", "ca\u0301t"), ("cat", " cat")])
def test_two_classes_of_one_name_are_refused_where_order_would_count(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    with pytest.raises(ValueError, match="has two classes of one name"):
        order(folder(tmp_path, *names), 2)


def test_accents_are_one_name_however_they_are_written(tmp_path: Path) -> None:
    dataset = folder(tmp_path, "cafe\u0301", "zoo")
    assert labels(order(dataset, 2, model_names=("zoo", "caf\u00e9"))) == [1, 0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            [1, 2, 3],
            (
                "holds the label 3, M has 3 classes, 0 .. 2; use .* \\(the labels seem to count"
                " from 1: subtract 1\\)"
            ),
        ),
        (
            [0, 1, 7],
            (
                "holds the label 7, M has 3 classes, 0 .. 2; use data and a model with the same"
                " classes"
            ),
        ),
    ],
)
def test_labels_beyond_the_classes_are_refused_whatever_is_taken_of_them(
    tmp_path: Path, y: list[int], message: str
) -> None:
    table(tmp_path, y)
    with pytest.raises(ValueError, match=message):
        order(load_dataset(str(tmp_path / "t.npz"), limit=1), 3)


def test_numbers_beside_names_that_are_numbers_are_in_doubt(tmp_path: Path) -> None:
    dataset = table(tmp_path, [0, 2, 3])
    assert labels(order(dataset, 4, model_names=("0", "1", "2", "3"))) == [0, 2, 3]
    assert labels(order(dataset, 4, model_names=("ant", "bee", "cat", "dog"))) == [0, 2, 3]
    for names in (("0", "1", "10", "2"), ("1", "2", "3", "4")):
        with pytest.raises(
            ValueError,
            match=r"whether .* is a name or a place is in doubt; store names, y\.astype\(str\)",
        ):
            order(dataset, 4, model_names=names)
    text = table(tmp_path, ["2", "10", "0"])
    assert labels(order(text, 4, model_names=("0", "1", "10", "2"))) == [3, 2, 0]


def test_labels_in_an_npz_may_be_names_or_have_them(tmp_path: Path) -> None:
    found = order(table(tmp_path, ["dog", "ant", "dog"]), 3, model_names=("dog", "ant", "bee"))
    assert labels(found) == [0, 1, 0]
    named = order(
        table(tmp_path, [0, 1, 0], class_names=np.array(["dog", "ant"])),
        3,
        model_names=("ant", "bee", "dog"),
    )
    assert labels(named) == [2, 0, 2]


def test_names_for_another_number_of_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--class-names holds 3 names, M has 2 classes"):
        order(folder(tmp_path, "ant", "bee"), 2, given=("ant", "bee", "cat"))


def test_unlabelled_data_takes_the_names_of_the_model(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert order(load_dataset(str(tmp_path)), 2, model_names=("ant", "bee")).class_names == (
        "ant",
        "bee",
    )


def test_a_file_of_names_is_read_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffant\r\n b e e \r\n".encode())
    assert read_class_names(path) == ("ant", "b e e")
    for text, message in (
        ("", "is empty"),
        ("a\n\nb", "line 2 is empty"),
        ("a\nb\na\n", "lines 1 and 3 are both 'a'"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_class_names(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="it is not UTF-8"):
        read_class_names(path)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_class_names(tmp_path / "none")


@pytest.mark.parametrize(
    ("y", "num_classes", "shown"),
    [
        ([1, 2, 3, 4] * 11, 10, True),  # 0.9 ** 44 is below 0.01
        ([1, 2, 3, 4] * 10 + [9, 9, 9], 10, False),  # 0.9 ** 43 is not
        ([0] + [1, 2, 3] * 30, 10, False),
        ([3] * 60, 10, True),
        ([1] * 7, 2, True),  # all of one class
        ([1] * 6, 2, False),
        ([5] * 400, 1000, False),
    ],
)
def test_labels_without_a_0_are_told_where_chance_would_seldom_leave_it_out(
    tmp_path: Path, y: list[int], num_classes: int, shown: bool
) -> None:
    found = order(table(tmp_path, y), num_classes)
    message = (
        f"none of its {len(y)} labels is 0, the lowest is {min(y)}, and there are {num_classes}"
        " classes, from 0"
    )
    assert any(message in note for note in found.notes) == shown
    assert labels(found) == y  # nothing is moved
    # the whole set tells, whatever is taken of it
    some = load_dataset(str(tmp_path / "t.npz"), limit=1)
    assert any(message in note for note in order(some, num_classes).notes) == shown


def test_labels_that_have_names_need_no_0(tmp_path: Path) -> None:
    names = np.array(["ant", "bee", "cat"])
    assert order(table(tmp_path, [1, 2] * 99, class_names=names), 3).notes == ()
    assert order(table(tmp_path, ["b", "c"] * 99), 3, model_names=("a", "b", "c")).notes == ()
