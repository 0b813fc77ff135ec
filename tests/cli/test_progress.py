"""What long work says where there is no terminal: where it stands, how fast it is and how long it takes yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from topcert.cli import progress


@pytest.mark.parametrize(
    ("done", "seconds", "says"),
    [
        (4_000, 1.0, "votes: 4,001 of 4,001 passes, 4,000 passes/s, 0:00:00 left"),
        (10, 1.0, "10 passes/s"),
        (99, 10.0, "9.9 passes/s"),
        (3, 2.0, "1.5 passes/s"),
        (1, 9.0, "0.11 passes/s"),
    ],
)
def test_a_slow_rate_is_not_told_as_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], done: int, seconds: float, says: str
) -> None:
    clock: Iterator[float] = iter([0.0, 0.0, seconds])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress_bar("votes", unit="passes") as update:
        update(1, done + 1, "")  # what a resumed run finds counts for no rate
        update(done + 1, done + 1, "")
    assert says in capsys.readouterr().err
