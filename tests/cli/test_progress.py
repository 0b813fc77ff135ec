"""What long work says where there is no terminal: where it stands, how fast it is and how long it
takes yet.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome
from topcert.cli import progress
from topcert.progress import lines
from topcert.progress.lines import FIRST, GAPS, LAST_GAP, Lines, ProgressLine, as_object, in_words

RUN = [
    "certify",
    "table.npz",
    "models_for_tests:slow",
    "--keep",
    "4",
    "--samples",
    "100",
    "--batch-size",
    "25",
    "--k",
    "1",
]


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(lines.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)  # the test ticks itself
    return Clock(monkeypatch)


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
    clock: Clock, capsys: pytest.CaptureFixture[str], done: int, seconds: float, says: str
) -> None:
    with progress.progress_bar("votes", unit="passes") as update:
        update(1, done + 1, "")  # what a resumed run finds counts for no rate
        clock.now = seconds
        update(done + 1, done + 1, "")
    assert says in capsys.readouterr().err


def test_lines_come_soon_and_then_at_growing_distances(clock: Clock) -> None:
    shown: list[tuple[float, int]] = []
    with Lines(lambda one: shown.append((clock.now, one.done)), eager=False) as teller:
        update = teller.stage("votes", unit="passes")
        for second in range(500):
            clock.now = float(second)
            update(second, 1_000, "")
            teller.tick()
    times = [FIRST]
    for gap in [*GAPS, *[LAST_GAP] * 10]:
        times.append(times[-1] + gap)
    assert [now for now, _ in shown] == [now for now in times if now < 500]
    assert all(now == done for now, done in shown)
    assert FIRST + GAPS[0] <= 10
    assert len(shown) < 15  # a log of many hours stays short


def test_a_step_that_takes_long_does_not_silence_the_log(clock: Clock) -> None:
    shown: list[ProgressLine] = []
    with Lines(shown.append, eager=False) as teller:
        update = teller.stage("votes", unit="passes")
        update(0, 1_000, "checking")
        for second in range(30):  # no update in all this time
            clock.now = float(second)
            teller.tick()
    assert [(one.done, one.note) for one in shown] == [(0, "checking")] * 3
    assert in_words(shown[0]) == "votes: 0 of 1,000 passes, checking"
    assert shown[0].seconds_left is None


def test_a_stage_of_no_interest_is_told_only_where_it_takes_long(clock: Clock) -> None:
    shown: list[str] = []
    with Lines(lambda one: shown.append(one.title), eager=False) as teller:
        for title, seconds in (("short", 1.0), ("long", 9.0)):
            update = teller.stage(title, unit="inputs", ends=False)
            began = clock.now
            for done in range(11):
                clock.now = began + seconds * done / 10
                update(done, 10, "")
    assert shown == ["long", "long", "long"]


@pytest.mark.skipif(sys.platform == "win32", reason="the times of a busy machine")
def test_a_thread_tells_while_a_step_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "FIRST", 0.05)
    monkeypatch.setattr(lines, "TICK", 0.02)
    shown: list[ProgressLine] = []
    with Lines(shown.append, eager=False) as teller:
        teller.stage("votes", unit="passes")(0, 9, "")
        deadline = time.monotonic() + 30
        while not shown and time.monotonic() < deadline:
            time.sleep(0.01)
    assert shown
    assert not any(thread.name == "topcert-progress" and thread.is_alive() for thread in _later())


def _later() -> list[threading.Thread]:
    time.sleep(0.2)
    return threading.enumerate()


@pytest.mark.parametrize("place", ["before", "after"])
def test_json_is_one_object_a_line(
    workplace: Path, topcert: Callable[..., Outcome], place: str
) -> None:
    asked = ["--progress", "json"]
    run = topcert(
        *(asked if place == "before" else []),
        *RUN,
        "--out",
        "o",
        *(asked if place == "after" else []),
    )
    assert run.code == 0, run.err
    found = [json.loads(line) for line in run.err.splitlines()]
    votes = [one for one in found if one.get("task") == "votes"]
    assert [(one["done"], one["total"], one["unit"]) for one in (votes[0], votes[-1])] == [
        (0, 800, "passes"),
        (800, 800, "passes"),
    ]
    assert votes[-1]["rate"] > 0
    assert votes[-1]["seconds_left"] == 0
    assert votes[-1]["note"] == "input 8 of 8"
    assert votes[0]["rate"] is None
    read = [one for one in found if one.get("task") == "read"]
    assert (read[0]["done"], read[0]["total"], read[0]["unit"]) == (0, 8, "inputs")
    # and what else stands there
    assert any("no vote differs" in one.get("message", "") for one in found)
    assert as_object(ProgressLine(title="t", unit="u", done=1, total=3, rate=2.0, note="n")) == {
        "task": "t",
        "done": 1,
        "total": 3,
        "unit": "u",
        "rate": 2.0,
        "seconds_left": 1.0,
        "note": "n",
    }


def test_errors_are_json_too(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(*RUN, "--keep", 99, "--out", "o", "--progress", "json")
    assert run.code == 2
    (found,) = map(json.loads, run.err.splitlines())
    assert found["message"].startswith("error: --keep must lie in 1 .. 12")


def test_off_says_nothing_of_progress_and_the_next_command_is_not_bound_by_it(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*RUN, "--out", "o", "--progress", "off")
    assert run.code == 0, run.err
    assert "passes/s" not in run.err
    assert "no vote differs" in run.err
    assert "800 of 800 passes" in topcert(*RUN, "--out", "p").err


def test_a_bar_may_be_asked_for_where_there_is_no_terminal(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*RUN, "--out", "o", "--progress", "bar")
    assert run.code == 0, run.err
    assert "100%" in run.err
    assert "\x1b[" in run.err


LONG = ["certify", "predict", "verify", "evaluate", "demo", "train"]


@pytest.mark.parametrize("command", LONG)
def test_every_long_command_has_the_option(topcert: Callable[..., Outcome], command: str) -> None:
    assert "--progress" in topcert(command, "--help").out


def test_an_unknown_mode_is_refused(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(*RUN, "--out", "o", "--progress", "loud")
    assert run.code == 2
    assert "--progress must be one of auto, bar, lines, json, off, got 'loud'" in run.err


def test_a_log_of_both_streams_is_told_while_the_work_goes_on(workplace: Path) -> None:
    """`topcert ... > log 2>&1`: the log speaks before the command has ended."""
    code = "import topcert.progress.lines as l; l.FIRST = 0.2; from topcert.cli import main; main()"
    with Path("log").open("wb") as log:
        run = subprocess.Popen(
            [sys.executable, "-c", code, *RUN, "--samples", "10000", "--out", "o"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 120
            while (
                b"votes: " not in Path("log").read_bytes()
                and time.monotonic() < deadline
                and run.poll() is None
            ):
                time.sleep(0.05)
            assert run.poll() is None  # it is still at work
            assert b" of 80,000 passes" in Path("log").read_bytes()
        finally:
            run.kill()
            run.wait()


def test_the_last_line_of_a_stage_stands_there_once(clock: Clock) -> None:
    shown: list[tuple[int, str]] = []
    with Lines(lambda one: shown.append((one.done, one.note)), eager=False) as teller:
        update = teller.stage("votes", unit="passes")
        for done in range(9):
            clock.now = float(done)
            update(done, 8, f"input {done} of 8")
        # what comes after the last vote: replays, certificates, pictures
        for second in range(8, 300):
            clock.now = float(second)
            teller.tick()
        update(8, 8, "counting")
        clock.now += 100
        teller.tick()
    assert shown == [(2, "input 2 of 8"), (7, "input 7 of 8"), (8, "input 8 of 8"), (8, "counting")]
