"""Rows of timings, as ratios measured in turn within one run, and how they are written.

A benchmark has a function that returns rows; `Row` says what was measured beside what. Seconds
depend on the machine and on what else it does; a ratio of two things that are done in turn hardly
does, so only ratios have limits.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal, final

Work = Callable[[], object]


@final
@dataclass(frozen=True, kw_only=True)
class Row:
    """What something costs, or reaches, beside something else.

    `value` and `beside_value` are in `unit`; `ratio` is the first over the second, the median over
    rounds, in each of which both were measured. `goal` is what `value` should come to on a quiet
    machine (two cores of 2.4 GHz), `limit` the ratio beyond which something is wrong on any;
    `better` says which way. Either may be missing. Values that are NaN were not measured, for want
    of what measures them.
    """

    group: str
    name: str
    value: float
    beside: str
    beside_value: float
    ratio: float
    unit: str
    goal: float | None = None
    limit: float | None = None
    better: Literal["less", "more"] = "less"

    @property
    def holds(self) -> bool:
        """Whether the ratio is within its limit."""
        if self.limit is None:
            return True
        return self.ratio <= self.limit if self.better == "less" else self.ratio >= self.limit


def in_turn(
    works: Sequence[Work], *, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Seconds of each work in each round, in turn, `[work][round]`; a round before is not counted.

    `clock` is `time.process_time` where all happens in one thread of this process: then it does not
    count what others do meanwhile.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for place, work in enumerate(works):
            began = clock()
            work()
            if number:
                seconds[place].append(clock() - began)
    return seconds


def compared(
    group: str,
    name: str,
    work: Work,
    beside: str,
    other: Work,
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    unit: str = "s",
    each: float = 1.0,
    goal: float | None = None,
    limit: float | None = None,
) -> Row:
    """A row of what `work` costs beside `other`, in turn; `each` turns seconds into `unit`."""
    mine, others = in_turn([work, other], rounds=rounds, clock=clock)
    return Row(
        group=group,
        name=name,
        value=median(mine) * each,
        beside=beside,
        beside_value=median(others) * each,
        ratio=median(a / b for a, b in zip(mine, others, strict=True)),
        unit=unit,
        goal=goal,
        limit=limit,
    )


def to_markdown(rows: Sequence[Row]) -> str:
    """One table; a ratio beyond its limit is in bold."""
    lines = [
        "| | what | measured | goal | beside | ratio | limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if math.isnan(row.ratio):
            lines.append(f"| {row.group} | {row.name} | not measured | | {row.beside} | | |")
            continue
        ratio = f"{row.ratio:.3g}" if row.holds else f"**{row.ratio:.3g}**"
        sign = "at most" if row.better == "less" else "at least"
        limit = "" if row.limit is None else f"{sign} {row.limit:g}"
        goal = "" if row.goal is None else f"{sign} {row.goal:g} {row.unit}"
        beside = f"{row.beside}: {row.beside_value:.3g} {row.unit}"
        lines.append(
            f"| {row.group} | {row.name} | {row.value:.3g} {row.unit} | {goal} | {beside} |"
            f" {ratio} | {limit} |"
        )
    return "\n".join(lines) + "\n"


def to_json(rows: Sequence[Row]) -> str:
    """A list of objects, one a row, with `holds` beside the fields of `Row`."""
    found = [{**dataclasses.asdict(row), "holds": row.holds} for row in rows]
    for row in found:  # JSON has no NaN
        row |= {name: None for name, value in row.items() if value != value}
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def write(rows: Sequence[Row], folder: Path) -> None:
    """`table.md` and `table.json` in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(to_markdown(rows), encoding="utf-8")
    (folder / "table.json").write_text(to_json(rows), encoding="utf-8")


def failed(rows: Sequence[Row]) -> list[str]:
    """What to say of each ratio beyond its limit."""
    return [
        f"{row.group}, {row.name}: {row.ratio:.3g} times {row.beside}, the limit is {row.limit:g}"
        for row in rows
        if not row.holds
    ]


def main(about: str, rows: Callable[..., list[Row]]) -> None:
    """The command line of a benchmark: print its rows, write them with `--out`; the exit code is 1
    where a ratio is beyond its limit. `rows` takes `full` and `rounds`.
    """
    parser = argparse.ArgumentParser(description=about.split("\n\n")[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = rows(full=options.full, rounds=options.rounds)
    print(to_markdown(found), end="")
    if options.out is not None:
        write(found, options.out)
    sys.exit("\n".join(failed(found)) or None)
