"""`--json`: one object alone on standard output, the same numbers as for people, and those of
`--radius`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from topcert.cli.commands.plan import duration_in_words
from topcert.evaluation.wording import shown_radii

RUN = [
    "certify",
    "table.npz",
    "models_for_tests:linear",
    "--keep",
    2,
    "--samples",
    300,
    "--k",
    "1,3",
    "--alpha",
    0.01,
]
COUNTS = "cat,dog,fox,label\n980,10,10,0\n340,330,330,1\n"
RADIUS = ["radius", "c.csv", "--keep", 10, "--features", 100, "--k", 1]


def curves_of(found: dict[str, Any]) -> list[tuple[int, int, int]]:
    return [
        (curve["k"], r, hits)
        for curve in found["curves"]
        for r, hits in enumerate(curve["certified"])
    ]


def test_certify_and_evaluate_print_their_curves(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    made = topcert(*RUN, "--out", "o", "--json")
    assert made.code == 0, made.err
    found = json.loads(made.out)
    table = pyarrow.csv.read_csv("o/accuracy.csv").to_pylist()
    assert curves_of(found) == [(row["k"], row["radius"], row["certified"]) for row in table]
    assert [share for curve in found["curves"] for share in curve["share"]] == [
        row["share"] for row in table
    ]
    assert (found["method"], found["alpha"], found["label_choice"], found["unit"]) == (
        "ablation",
        0.01,
        "given",
        "column",
    )
    assert "certified top-k accuracy" in made.err
    assert found["raw_input"] is None
    again = topcert("evaluate", "o", "--json")
    assert json.loads(again.out) == found
    assert "certified top-k accuracy" in topcert("evaluate", "o").out


def test_evaluate_writes_its_csv_alone_to_standard_output(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    run = topcert("evaluate", "o", "--out", "-")
    assert run.out == Path("o/accuracy.csv").read_bytes().decode()
    assert "certified top-k accuracy" in run.err
    assert topcert("evaluate", "o", "--out", "-", "--json").code == 2


def test_evaluate_prints_the_radii_that_are_asked_for(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    found = json.loads(topcert("evaluate", "o", "--json").out)
    shares = {(k, r): hits / 8 for k, r, hits in curves_of(found)}
    out = topcert("evaluate", "o", "--radius", "1,40").out
    rows = [line.replace("│", " ").split() for line in out.splitlines() if line.startswith("│")]
    assert [row[0] for row in rows] == ["1", "40"]
    assert rows[1][1:] == ["0.000", "0.000"]
    assert [float(cell) for cell in rows[0][1:]] == [
        int(shares.get((k, 1), 0) * 1000) / 1000 for k in (1, 3)
    ]
    wrong = topcert("evaluate", "o", "--radius", "-1")
    assert wrong.code == 2
    assert "--radius must be at least 0, got -1" in wrong.err


def test_radius_prints_rows_with_nothing_where_it_abstains(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("c.csv").write_text(COUNTS)
    found = json.loads(topcert(*RADIUS, "--json").out)
    assert found == [
        {"index": 0, "label": 0, "class": "cat", "k": 1, "radius": 5},
        {"index": 1, "label": 1, "class": "dog", "k": 1, "radius": None},
    ]
    csv = topcert(*RADIUS).out.splitlines()[1:]
    shown = [list(row.values()) for row in found]
    assert csv == [",".join("" if cell is None else str(cell) for cell in row) for row in shown]
    l2 = json.loads(
        topcert(
            "radius", "c.csv", "--method", "cohen", "--sigma", 0.5, "--channels", 3, "--json"
        ).out
    )
    assert l2[1]["l2_radius"] is None
    assert 0 < l2[0]["l2_radius"] < 2
    wrong = topcert(*RADIUS, "--json", "--out", "r.csv")
    assert wrong.code == 2
    assert wrong.out == ""


def test_plan_and_methods_and_thresholds(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    setting = ["plan", "--features", 64, "--keep", 8, "--classes", 10, "--k", "1,3"]
    found = json.loads(topcert(*setting, "--json").out)
    assert found["cost"] is None
    assert [row["k"] for row in found["settings"]] == [1, 3]
    for row in found["settings"]:
        assert (
            f"k = {row['k']}: the largest radius that can ever be certified is"
            f" {row['largest_radius']} " in topcert(*setting).out
        )
        assert [needed["radius"] for needed in row["votes_needed"]] == list(
            range(row["largest_radius"] + 1)
        )
    hopeless = json.loads(topcert(*setting, "--samples", 4, "--json").out)["settings"][0]
    assert (hopeless["largest_radius"], hopeless["votes_needed"]) == (None, [])
    timed = json.loads(
        topcert("plan", "table.npz", "models_for_tests:linear", "--keep", 2, "--json").out
    )["cost"]
    assert timed["passes"] == 80_000
    assert timed["seconds"] == pytest.approx(timed["passes"] / timed["passes_per_second"])
    names = [row["name"] for row in json.loads(topcert("methods", "--json").out)]
    assert {"ablation", "cohen", "levine-feizi-simuem"} <= set(names)
    for row in json.loads(topcert("methods", "--json").out):
        assert set(row) == {"name", "k", "ballot", "norm", "needs", "guarantee"}
    thresholds = json.loads(
        topcert("lee-table", "--keep-probability", 0.2, "--values", 2, "--json").out
    )
    csv = topcert("lee-table", "--keep-probability", 0.2, "--values", 2).out.splitlines()[1:]
    assert csv == [f"{row['radius']},{row['threshold']}" for row in thresholds]


def test_verify_prints_what_it_found(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    good = topcert("verify", "o", "--json")
    found = json.loads(good.out)
    assert (good.code, found["good"], found["findings"], found["model"]) == (0, True, [], None)
    assert (found["certificates"], found["votes"]) == (16, 8 * 300)
    assert "good:" in good.err
    path = Path("o/accuracy.csv")
    path.write_text(path.read_text().replace("1,0,", "1,0,9", 1))
    bad = topcert("verify", "o", "--json")
    found = json.loads(bad.out)
    assert (bad.code, found["good"]) == (1, False)
    assert any("accuracy.csv" in finding for finding in found["findings"])


def test_the_title_names_network_and_inputs(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    from topcert.evaluation.results import derive
    from topcert.report.draw_results import draw_results
    from topcert.voting.ledger import Ledger

    assert topcert(*RUN, "--out", "o", "--limit", 7).code == 0
    titles: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "topcert.report.draw_results.draw_curves",
            lambda *_, title, **__: titles.append(title) or [],
        )
        draw_results(derive(Ledger.open(Path("o")), ks=[1], alpha=0.01), Path("x"))
    assert titles == [
        "table.npz, network models_for_tests:linear, 7 inputs\ne = 2, n = 300, alpha = 0.01"
    ]


def test_methods_fit_a_terminal_of_80_columns(
    topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = topcert("methods").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "ablation  (k: any, w: any, norm: l0)" in lines
    assert "cohen  (k: 1, w: 1, norm: l2)" in lines
    assert "    holds with probability 1 - alpha; exactly tight given its bounds" in lines


def test_an_error_leaves_standard_output_empty(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    for command in (
        ["evaluate", "absent"],
        [*RADIUS],
        ["plan", "--keep", 3],
        [*RUN, "--out", "o", "--alpha", 2],
    ):
        run = topcert(*command, "--json")
        assert run.code == 2
        assert run.out == ""
        assert len(run.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("longest", "radii"),
    [
        (1, [0]),
        (2, [0, 1]),
        (6, [0, 1, 2, 3, 4, 5]),
        (8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (15, [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 13, 14]),
        (29, [0, 1, 2, 3, 4, 5, 10, 15, 20, 25, 27, 28]),
        (1002, [0, 1, 2, 3, 4, 5, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1001]),
    ],
)
def test_every_radius_up_to_5_is_shown_and_then_round_ones_and_the_last(
    longest: int, radii: list[int]
) -> None:
    assert shown_radii(longest) == radii


@pytest.mark.parametrize("longest", range(1, 400))
def test_a_table_is_never_long(longest: int) -> None:
    assert len(shown_radii(longest)) <= 18
    assert set(range(min(6, longest))) <= set(shown_radii(longest))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 seconds"),
        (59, "59.0 seconds"),
        (90, "1.5 minutes"),
        (7_100, "118.3 minutes"),
        (46_362, "12.9 hours"),
        (1_468_800, "17.0 days"),
    ],
)
def test_a_long_time_is_said_in_hours_and_days(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_certificates_of_a_table_name_its_values(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*RUN, "--out", "o")
    assert "The certified input is the array of 12 values whose columns are ablated" in " ".join(
        run.out.split()
    )
    assert pq.read_table("o/certificates.parquet").num_rows == 16


def lines_of(text: str, mark: str) -> list[str]:
    """What was printed behind a mark; runs of spaces are one."""
    return [line.partition(mark)[2].strip() for line in text.splitlines() if line.startswith(mark)]


def test_verify_says_in_json_what_it_prints_of_things_unchecked(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o", "--stride", 2).code == 0
    Path("o/stray.txt").write_text("anything")
    model = ["--model", "models_for_tests:linear"]
    for more, unchecked in (
        ([], 2),
        (model, 2),
        ([*model, "--replay", 5], 1),
        ([*model, "--replay", "all"], 1),
    ):
        run = topcert("verify", "o", "--json", *more)
        assert run.code == 0, run.err
        found = json.loads(run.out)
        assert found["not_checked"] == lines_of(run.err, "not checked:")
        assert found["to_judge"] == lines_of(run.err, "for you to judge:")
        assert len(found["not_checked"]) == unchecked
        assert found["not_checked"][-1].startswith("stray.txt (which is")
        assert len(found["to_judge"]) == 3
        assert (
            found["to_judge"][-1]
            == "the 4 inputs 0 .. 6 in steps of 2 were taken (--stride 2), and others left out"
        )
        asked = {"5": 300, "all": 4 * 300}.get(str(more[-1]) if "--replay" in more else "")
        assert (found["replayed_votes"] or 0) >= (asked or 0)
        assert (found["replayed_votes"] is None) == (asked is None)


def test_evaluate_says_in_json_the_radii_that_are_asked_for(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    whole = json.loads(topcert("evaluate", "o", "--json").out)
    some = json.loads(topcert("evaluate", "o", "--json", "--radius", "40,1,1").out)
    for one, other in zip(whole["curves"], some["curves"], strict=True):
        assert one["radius"] == list(range(len(one["certified"])))
        assert other["radius"] == [40, 1]
        assert other["certified"] == [0, one["certified"][1]]
        assert other["share"] == [0.0, one["share"][1]]
    assert some["curves"][1]["certified"][1] > 0


def test_a_table_shows_where_each_curve_ends(
    topcert: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    from topcert.cli.machine import choose_json
    from topcert.cli.printing import print_curves
    from topcert.evaluation.accuracy import ACCURACY, AccuracyCurve

    def curve(k: int, largest: int) -> AccuracyCurve:
        certified = np.array([*[9] * (largest + 1), 0])
        return AccuracyCurve(k=k, quantity=ACCURACY, certified=certified, total=9)

    choose_json(False)  # of an earlier command
    print_curves([curve(1, 13), curve(2, 21), curve(3, 27), curve(4, 0)], what="pixels")
    rows = [
        line.replace("│", " ").split()
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    assert [int(row[0]) for row in rows] == [0, 1, 2, 3, 4, 5, 10, 13, 15, 20, 21, 25, 27, 28]
    for k, largest in ((1, 13), (2, 21), (3, 27), (4, 0)):
        assert max(int(row[0]) for row in rows if row[k] == "1.000") == largest
