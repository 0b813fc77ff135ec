"""A number of the wrong kind is named with its value and never a bare TypeError; every integer type
is an integer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import topcert as tc

LOWER, UPPER = np.array([[0.9, 0.0, 0.0]]), np.array([[1.0, 0.1, 0.1]])
COUNTS = np.array([[90, 5, 5]])
WRONG = [50.0, "50", None, True, np.float32(3), 2.5, [1]]


def votes(batch: np.ndarray) -> np.ndarray:
    return np.eye(3)[np.zeros(len(batch), int)]


def count(**changed: Any) -> Any:
    noise = tc.Ablation(num_kept=changed.pop("num_kept", 5))
    given: dict[str, Any] = {
        "noise": noise,
        "num_samples": 10,
        "seed": 1,
        "batch_size": 4,
        "num_classes": 3,
    }
    return tc.count_votes(votes, np.zeros((2, 8, 8, 3), np.float32), **{**given, **changed})


def radius(**changed: Any) -> Any:
    given: dict[str, Any] = {"k": 1, "num_features": 10, "num_kept": 2}
    return tc.certified_radius(LOWER, UPPER, [0], **{**given, **changed})


def witness(**changed: Any) -> Any:
    given: dict[str, Any] = {"k": 1, "num_features": 10, "num_kept": 2, "label": 0}
    return tc.tightness_witness(LOWER[0], UPPER[0], **{**given, **changed}).radius


def surviving(**changed: Any) -> Any:
    return tc.survival(**{"num_features": 10, "num_kept": 2, "k": 1, **changed}).numerators


def intersected(**changed: Any) -> Any:
    return tc.intersection_union_bounds(
        COUNTS, **{"alpha": 0.01, "k": 1, "labels": [0], **changed}
    )[0]


CASES: list[tuple[Callable[..., Any], str, int]] = [
    (count, "num_kept", 5),
    (count, "num_samples", 10),
    (count, "seed", 1),
    (count, "batch_size", 4),
    (count, "num_classes", 3),
    (radius, "num_features", 10),
    (radius, "num_kept", 2),
    (radius, "k", 1),
    (surviving, "num_features", 10),
    (surviving, "num_kept", 2),
    (surviving, "k", 1),
    (intersected, "k", 1),
]


@pytest.mark.parametrize(("call", "name", "right"), CASES)
def test_every_integer_type_is_taken_and_no_other(
    call: Callable[..., Any], name: str, right: int
) -> None:
    wanted = np.asarray(call())
    for kind in (np.int64, np.uint8, np.array):
        assert np.array_equal(np.asarray(call(**{name: kind(right)})), wanted)
    optional = name in ("seed", "batch_size", "num_classes")
    optional |= (call, name) in ((surviving, "k"), (count, "num_kept"))  # of some designs
    for value in WRONG:
        if (value is None and optional) or (value == [1] and name == "k" and call is radius):
            continue
        with pytest.raises(ValueError, match=name) as caught:
            call(**{name: value})
        assert repr(value) in str(caught.value)


def test_the_fix_is_named_where_it_is_plain() -> None:
    with pytest.raises(
        ValueError, match=r"num_kept must be a whole number \(an int\), got 50\.0; write 50$"
    ):
        count(num_kept=50.0)


@pytest.mark.parametrize("alpha", ["0.01", None, True, [0.01]])
def test_alpha_is_a_number(alpha: Any) -> None:
    for call in (
        lambda: tc.simultaneous_bounds(COUNTS, alpha=alpha),
        lambda: intersected(alpha=alpha),
    ):
        with pytest.raises(ValueError, match="alpha must be a number, got "):
            call()
    assert np.array_equal(intersected(alpha=np.float64(0.01)), intersected(alpha=0.01))
