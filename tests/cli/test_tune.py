"""`topcert tune`: the best setting by a sample, from votes that a run of its own would have."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Outcome
from topcert.api.claim import Claim
from topcert.api.tune import tune
from topcert.evaluation.tuning import Trial, ranked
from topcert.noise.ablation import Ablation

DATA = ["table.npz", "models_for_tests:linear"]
TUNE = ["tune", *DATA, "--radius", 0, "--k", 2, "--samples", 200, "--alpha", 0.1]


def make_table() -> None:
    """Inputs that the model of the tests is right about."""
    import models_for_tests  # type: ignore[import-not-found]  # of the workplace

    x = np.random.default_rng(1).random((40, 12)).astype(np.float32)
    np.savez("table.npz", x=x, y=models_for_tests.linear()(x).argmax(1))


def test_every_setting_is_what_a_run_of_its_own_certifies(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    make_table()
    run = topcert(*TUNE, "--keep", "3,8", "--ballot", 2, "--limit", 30, "--out", "t", "--json")
    assert run.code == 0, run.err
    trials = json.loads(run.out)["trials"]
    assert {(t["num_kept"], t["num_named"]) for t in trials} == {(3, 1), (3, 2), (8, 1), (8, 2)}
    assert [t["certified"] for t in trials] == sorted(
        (t["certified"] for t in trials), reverse=True
    )
    assert len({t["certified"] for t in trials}) > 1
    with Path("t/tune.csv").open(newline="") as file:
        assert [int(row["certified"]) for row in csv.DictReader(file)] == [
            t["certified"] for t in trials
        ]
    for t in trials:
        out = f"o{t['num_kept']}{t['num_named']}"
        asked = [
            "--keep",
            t["num_kept"],
            "--ballot",
            t["num_named"],
            "--k",
            2,
            "--samples",
            200,
            "--alpha",
            0.1,
        ]
        alone = topcert("certify", *DATA, *asked, "--limit", 30, "--out", out, "--json")
        (curve,) = json.loads(alone.out)["curves"]
        certified = curve["certified"][0]
        assert (t["certified"], t["total"]) == (certified, curve["total"])
        assert t["share_lower"] < t["certified"] / t["total"] + 1e-12 <= t["share_upper"] + 1e-9


def test_the_command_that_it_suggests_runs(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    make_table()
    run = topcert(*TUNE, "--keep", "3,8", "--out", "t")
    assert run.code == 0, run.err
    assert "certify others than these" in run.out
    found = re.search(r"topcert (certify DATA .* --out RUN)", run.out)
    assert found is not None
    words = found[1].replace("DATA", DATA[0]).replace("RUN", "o").split()
    assert topcert(*words, "--alpha", 0.1).code == 0


def test_designs_are_tried_too_and_votes_that_are_there_are_kept(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    images = np.random.default_rng(0).random((6, 8, 8, 1)).astype(np.float32)
    np.savez("images.npz", x=images, y=np.arange(6) % 5)
    asked = [
        "tune",
        "images.npz",
        DATA[1],
        "--radius",
        0,
        "--k",
        1,
        "--design",
        "lattice:2x2,lattice:4x2",
        "--out",
        "t",
    ]
    run = topcert(*asked)
    assert run.code == 0, run.err
    assert "lattice:2x2" in run.out
    assert "lattice:4x2" in run.out
    assert not re.search(r"--design \S+ --keep", run.out)
    before = {path: path.stat().st_mtime_ns for path in Path("t").rglob("block-*.parquet")}
    assert len(before) == 2
    assert topcert(*asked).code == 0
    assert {path: path.stat().st_mtime_ns for path in Path("t").rglob("block-*.parquet")} == before


def test_inputs_are_read_as_certify_reads_them_and_the_suggestion_says_how(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 1)).astype(np.float32)
    np.savez("wide.npz", x=images.transpose(0, 3, 1, 2), y=np.arange(6) % 5)
    asked = ["--range", -1, 1, "--channels", "first", "--encoding", "constant", "--classes", 5]
    tune = ["tune", "wide.npz", DATA[1], "--radius", 0, "--k", 1, "--keep", 20, "--samples", 100]
    assert topcert(*tune, "--encoding", "constant", "--out", "s").code == 2  # values outside [0, 1]
    run = topcert(*tune, *asked, "--alpha", 0.1, "--out", "t")
    assert run.code == 0, run.err
    found = re.search(r"topcert (certify DATA .* --out RUN)", run.out)
    assert found is not None
    for option in ("--range -1.0 1.0", "--channels first", "--encoding constant", "--alpha 0.1"):
        assert option in found[1]
    words = found[1].replace("DATA", "wide.npz").replace("RUN", "o").split()
    assert topcert(*words).code == 0
    shown = [
        json.loads(path.read_text())["data_options"]
        for path in (next(Path("t").glob("*/manifest.json")), Path("o/manifest.json"))
    ]
    assert {one["range"][0] for one in shown} == {-1.0}
    assert {one["channels"] for one in shown} == {"first"}


def test_plan_says_what_can_reach_a_radius_and_which_commands_tell(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    make_table()
    plan = ["plan", "--features", 12, "--classes", 5, "--k", 1, "--radius", 1, "--samples", 200]
    run = topcert(*plan)
    assert run.code == 0, run.err
    message = " ".join(run.out.split())
    assert "to reach r = 1 feature at k = 1: the most features that a mask may keep" in message
    assert "not known before votes are seen" in message
    assert "largest radius" not in message  # of no one number kept
    (found,) = json.loads(topcert(*plan, "--json").out)["suggested"]
    assert (found["radius"], found["k"]) == (1, 1)
    assert [reach["percent"] for reach in found["reaches"]] == [100, 90, 75, 60]
    commands = re.findall(r"topcert (tune DATA MODEL .* --out \S+)", run.out)
    assert [f"topcert {command}" for command in commands] == found["tune"]
    assert len(commands) > 1
    for command in commands:
        words = command.replace("DATA MODEL", " ".join(DATA)).split()
        more = [] if "--samples" in words else ["--samples", 100]
        assert topcert(*words, *more, "--limit", 4).code == 0, command
    with_keep = json.loads(topcert(*plan, "--keep", 2, "--json").out)
    assert with_keep["suggested"] == [found]
    assert len(with_keep["settings"]) == 1
    assert "suggested" not in json.loads(topcert(*plan[:-4], "--keep", 2, "--json").out)
    hopeless = topcert(*plan[:-1], 2)
    assert hopeless.code == 0
    assert topcert(*plan[:7]).code == 2
    assert topcert("plan", *DATA, "--radius", 1).code == 2
    far = topcert(*plan[:8], 13)
    assert far.code == 2
    assert "must lie in 0 .. 12" in far.err


def test_plan_names_lattices_where_features_are_pixels(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    images = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    np.savez("images.npz", x=images, y=np.arange(2))
    run = topcert("plan", "images.npz", DATA[1], "--keep", 4, "--radius", 2, "--k", 2, "--json")
    assert run.code == 0, run.err
    (found,) = json.loads(run.out)["suggested"]
    fewest = min(one["num_blocks"] for one in found["reaches"] if one["percent"] == 90)
    strides = [
        tuple(map(int, name)) for name in re.findall(r"lattice:(\d+)x(\d+)", found["tune"][-1])
    ]
    assert strides
    assert min(rows * columns for rows, columns in strides) >= fewest
    assert all(0 <= columns - rows <= 1 for rows, columns in strides)


def test_help_says_of_ballots_what_bounds_them(topcert: Callable[..., Outcome]) -> None:
    message = dict.fromkeys(("certify", "plan"), "1 .. classes - 1; 1 is the paper's.")
    for command, words in {**message, "tune": "at most classes - 1; by default up to k."}.items():
        text = " ".join(topcert(command, "--help").out.split())
        assert words in text
        after = text[text.index(words) + len(words) :].lstrip()
        assert not re.match(r"\[[^\]]* (to|more)", after), "a bound beside that of the words"
    text = " ".join(topcert("tune", "--help").out.split())
    assert "--resume" not in text[text.index("--batch-size") :]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*TUNE, "--out", "t"], "--keep is needed"),
        (
            [*TUNE, "--keep", 2, "--ballot", 10**15, "--out", "t"],
            "--ballot must be less than the number of classes, got 1000000000000000",
        ),
        ([*TUNE, "--keep", 2, "--ballot", 0, "--out", "t"], "--ballot must be at least 1, got 0"),
        ([*TUNE, "--keep", 2, "--method", "cohen", "--out", "t"], "tune is for ablated inputs"),
        ([*TUNE, "--keep", 2, "--method", "fpa", "--out", "t"], "needs --design"),
        (
            [*TUNE, "--keep", 2, "--design", "random", "--method", "ablation", "--out", "t"],
            "--design is for the methods",
        ),
        ([*TUNE, "--keep", 20, "--out", "t"], "20"),
        ([*TUNE, "--keep", 2, "--k", 5, "--out", "t"], "--k must lie in 1 .. 4"),
        ([*TUNE, "--keep", 2, "--ballot", 5, "--out", "t"], "--ballot must lie in 1 .. 4"),
        ([*TUNE, "--keep", 2, "--out", "table.npz"], "is a file"),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_a_line(
    workplace: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments)
    assert run.code == 2
    assert says in run.err
    assert "Traceback" not in run.err


def test_inputs_without_labels_are_refused(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez("bare.npz", x=np.random.default_rng(0).random((4, 12)).astype(np.float32))
    run = topcert("tune", "bare.npz", DATA[1], "--radius", 1, "--keep", 2, "--k", 2, "--out", "t")
    assert run.code == 2
    assert "has no labels" in run.err


def test_ties_go_to_fewer_passes_and_then_to_fewer_labels() -> None:
    def trial(certified: int, passes: int, num_named: int) -> Trial:
        return Trial(
            method="ablation",
            law="iid",
            num_kept=2,
            num_named=num_named,
            passes=passes,
            certified=certified,
            total=10,
        )

    order = [trial(9, 500, 3), trial(8, 100, 2), trial(8, 200, 1), trial(8, 200, 2), trial(0, 1, 1)]
    assert ranked(order[::-1]) == order
    assert order[0].interval[0] == pytest.approx(0.5549, abs=1e-3)  # Clopper-Pearson, 9 of 10
    assert order[-1].interval == pytest.approx((0.0, 0.3085), abs=1e-3)


def test_python_tries_the_same_settings(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    make_table()
    run = topcert(*TUNE, "--keep", "3,8", "--ballot", 2, "--out", "t", "--json")
    found = tune(
        DATA[1],
        DATA[0],
        noises=[Ablation(num_kept=3), Ablation(num_kept=8)],
        radius=0,
        k=2,
        num_samples=200,
        claim=Claim(num_named=2, alpha=0.1),
        out="python",
        progress=False,
    )
    assert found.rows() == json.loads(run.out)["trials"]
    assert "independent masks, e = " in repr(found)
    for name in ("independent-masks-e-3/manifest.json", "tune.csv"):
        assert Path("python", name).read_bytes() == Path("t", name).read_bytes()
    with pytest.raises(ValueError, match="noises is empty"):
        tune(DATA[1], DATA[0], noises=[], radius=0)
