"""A run that is given more inputs keeps its votes, through a kill at any moment, and ends as one
that had them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Outcome
from topcert.classifiers.undefined import UnansweredVotes
from topcert.datasets.reading import Reading
from topcert.noise.ablation import Ablation
from topcert.voting import sampling
from topcert.voting.growth import read_before
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert.voting.voter import Voter

RUN = [
    "certify",
    "table.npz",
    "models_for_tests:linear",
    "--keep",
    4,
    "--samples",
    60,
    "--batch-size",
    25,
    "--k",
    1,
    "--k",
    2,
]
WRITES = ("os.rename", "os.remove", "os.mkdir", "os.truncate")


@pytest.fixture(autouse=True)
def blocks_that_do_not_end_where_inputs_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three batches an input, and four batches a block."""
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)


def request(limit: int | None, **options: object) -> Request:
    given = {
        "data": "table.npz",
        "model": "models_for_tests:linear",
        "noise": Ablation(num_kept=4),
        "num_samples": 60,
        "batch_size": 25,
    }
    read = {name: options.pop(name) for name in ("stride", "class_names") if name in options}
    return Request(reading=Reading(limit=limit, **read), **{**given, **options})  # type: ignore[arg-type]


def vote(limit: int | None, out: str, **options: object) -> Ledger:
    opened = open_run(request(limit, **options), Path(out), resume=Path(out).exists())
    return collect_votes(opened, on_progress=lambda *_: None)


def contents(out: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(Path(out).rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


class Calls:
    """Which votes a run asks the model for, checks of what is stored not counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[int, int]] = []
        cast = Voter.votes

        def counted(
            voter: Voter, position: int, start: int, stop: int, **options: UnansweredVotes | None
        ) -> np.ndarray:
            if options.get("undefined") is not None:
                self.made.append((position, start))
            return cast(voter, position, start, stop, **options)

        monkeypatch.setattr(Voter, "votes", counted)


@pytest.mark.parametrize(("first", "then"), [(1, 2), (3, 7), (4, 8), (5, None), (7, 8)])
def test_more_inputs_give_the_folder_of_a_run_that_had_them_all(
    workplace: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    then: int | None,
) -> None:
    more = [] if then is None else ["--limit", then]
    assert topcert(*RUN, *more, "--out", "whole").code == 0
    assert topcert(*RUN, "--limit", first, "--out", "o").code == 0
    votes = list(Ledger.open(Path("o")).iterate_inputs())
    calls = Calls(monkeypatch)
    grown = topcert(*RUN, *more, "--out", "o", "--resume")
    assert grown.code == 0, grown.err
    assert contents("o") == contents("whole")
    again = list(Ledger.open(Path("o")).iterate_inputs())
    assert all((one == other).all() for one, other in zip(votes, again, strict=False))
    assert sorted(calls.made) == [
        (position, start) for position in range(first, then or 8) for start in (0, 25, 50)
    ]
    assert topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 20).code == 0


def test_predictions_grow_too(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = ["predict", *RUN[1:-4], "--k", 2, "--seed", 3]
    assert topcert(*run, "--limit", 6, "--out", "whole").code == 0
    assert topcert(*run, "--limit", 2, "--out", "o").code == 0
    assert topcert(*run, "--limit", 6, "--out", "o", "--resume").code == 0
    assert contents("o") == contents("whole")
    certified = ["certify", *run[1:], "--label", "predicted"]
    assert topcert(*certified, "--out", "o", "--resume").code == 0  # all eight
    assert Path("o/predictions.csv").read_text().count("\n") == 17
    assert topcert("verify", "o").code == 0


def test_an_unfinished_run_grows_as_well(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vote(8, "whole")
    ledger = vote(5, "o")  # 15 batches, in blocks of 4, 4, 4 and 3
    for block in (0, 1):
        ledger.block_path(block).unlink()
    calls = Calls(monkeypatch)
    vote(8, "o")
    assert contents("o") == contents("whole")
    assert len(calls.made) == 24 - 4 - 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("chain", [(3, 7), (2, 4, 8)])
def test_a_kill_at_any_file_operation_loses_nothing(
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    kill_at: Callable[[int, int, str], bool],
    chain: tuple[int, ...],
) -> None:
    """The run is killed before its n-th file operation, for every n; then it goes on, and asks for
    no vote twice.
    """
    *begun, last = chain
    whole = contents_of_run(last, "whole")
    vote(begun[0], "start")
    for limit in begun[1:]:  # stopped in the middle of an earlier growth
        kill_at(12, limit, "start")
        assert read_before(Path("start"))
    stored = votes_in("start")
    for operation in range(1, 200, len(begun)):
        shutil.rmtree("o", ignore_errors=True)
        shutil.copytree("start", "o")
        killed = kill_at(operation, last, "o")
        assert stored <= votes_in("o"), operation  # what was there is there
        before = votes_in("o")
        calls = Calls(monkeypatch)
        vote(last, "o")
        monkeypatch.undo()
        monkeypatch.chdir(workplace)
        monkeypatch.syspath_prepend(str(workplace))
        monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
        assert contents("o") == whole, operation
        assert not before & set(calls.made), operation
        if not killed:
            break
    else:
        pytest.fail("it never ended")
    assert operation > 15


def contents_of_run(limit: int, out: str) -> dict[str, bytes]:
    vote(limit, out)
    return contents(out)


def votes_in(out: str) -> set[tuple[int, int]]:
    """Which batches (input, first vote) are on disk, under whatever manifest."""
    found = set()
    manifests = [Manifest.read(Path(out, "manifest.json")), *read_before(Path(out))]
    for one in [Ledger(Path(out), manifest) for manifest in manifests]:
        for block in one.present_blocks():
            if one.blocks.digest_of(block) == one.manifest.digest():
                one.read_block(block)
                found |= {one.schedule.place(batch)[:2] for batch in one.schedule.batches_of(block)}
    return found


def serve() -> None:
    """In a process without threads, which may fork: run up to the named file operation, for each
    line that comes in.
    """
    sampling.MAX_BLOCK_VOTES = 100
    for line in sys.stdin:
        operation, limit, out = line.split()
        child = os.fork()
        if child == 0:
            stop_at(int(operation))
            try:
                vote(int(limit), out)
            except BaseException:
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def stop_at(operation: int) -> None:
    """End this process, as by SIGKILL, before its so many-th file operation."""
    done = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal done
        opened = (
            event == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1])
        )
        if event in WRITES or opened:
            done += 1
            if done == operation:
                os._exit(9)

    sys.addaudithook(watch)


@pytest.fixture
def kill_at(workplace: Path) -> Iterator[Callable[[int, int, str], bool]]:
    """`kill_at(operation, limit, out)` runs in a process that ends before that file operation;
    whether it came so far.
    """
    paths = [str(Path(__file__).parents[2]), str(workplace), *sys.path]
    server = subprocess.Popen(
        [sys.executable, "-c", "from tests.voting.test_growth import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert server.stdin is not None
    assert server.stdout is not None
    asked, answers = server.stdin, server.stdout

    def kill(operation: int, limit: int, out: str) -> bool:
        asked.write(f"{operation} {limit} {out}\n")
        asked.flush()
        code = int(answers.readline())
        assert code in (0, 9)
        return code == 9

    yield kill
    asked.close()
    server.wait()
    answers.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_folder_in_between_is_read_by_nobody_else(
    workplace: Path, topcert: Callable[..., Outcome], kill_at: Callable[[int, int, str], bool]
) -> None:
    vote(3, "o")
    assert kill_at(12, 8, "o")
    for command in (["verify", "o"], ["evaluate", "o", "--k", 1]):
        shown = topcert(*command)
        assert shown.code == 2
        assert (
            "was being given more inputs when it was stopped; repeat the command with --resume"
            in shown.err
        )


def test_a_run_does_not_shrink(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--limit", 6, "--out", "o").code == 0
    before = contents("o")
    shown = topcert(*RUN, "--limit", 2, "--out", "o", "--resume")
    assert shown.code == 2
    assert (
        "o has 6 inputs, and --limit 2 asks for 2: a run does not shrink; resume with --limit 6"
        in shown.err
    )
    assert contents("o") == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--stride", 2, "--limit", 4], "another --stride takes others"),
        (["--limit", 8, "--seed", 1], "was started with seed = 0"),
        (["--limit", 8, "--samples", 61], "optional stopping"),
        (["--limit", 8, "--keep", 3], "was started with num_kept"),
    ],
)
def test_other_inputs_or_parameters_are_refused(
    workplace: Path, topcert: Callable[..., Outcome], change: list[object], says: str
) -> None:
    assert topcert(*RUN, "--limit", 3, "--out", "o").code == 0
    before = contents("o")
    shown = topcert(*RUN, *change, "--out", "o", "--resume")
    assert shown.code == 2
    assert says in shown.err
    assert contents("o") == before


def test_data_that_has_grown_itself_is_refused(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    found = np.load("table.npz")
    np.savez("table.npz", x=np.concatenate([found["x"]] * 2), y=np.concatenate([found["y"]] * 2))
    shown = topcert(*RUN, "--out", "o", "--resume")
    assert shown.code == 2
    assert "was started with num_inputs = 8, this run has 16" in shown.err


def test_first_inputs_that_have_changed_are_refused(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--limit", 3, "--out", "o").code == 0
    found = dict(np.load("table.npz"))
    found["x"][1, 4] += 0.5
    np.savez("table.npz", **found)
    shown = topcert(*RUN, "--limit", 6, "--out", "o", "--resume")
    assert shown.code == 2
    assert "these are other inputs" in shown.err


def test_a_stopping_rule_takes_no_more_inputs(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = [
        *RUN[:5],
        "--stop",
        "exact",
        "--max-samples",
        100,
        "--k",
        3,
        "--alpha",
        0.01,
        "--out",
        "o",
    ]
    assert topcert(*run, "--limit", 3).code == 0
    shown = topcert(*run, "--limit", 5, "--resume")
    assert shown.code == 2
    assert "was sampled with --stop" in shown.err


def test_imagenet_spreads_its_limit_and_says_so(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    from topcert.datasets.imagenet import read_wnids

    generator = np.random.default_rng(0)
    for number in range(4):
        folder = Path("images", read_wnids()[number])
        folder.mkdir(parents=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / "a.jpg")
    Path("small.py").write_text(
        "import numpy as np\ndef model():\n    return lambda batch: np.eye(1000)[batch[:, 0,"
        " 0].sum(1).astype(int) % 1000]\n"
    )
    run = [
        "certify",
        "imagenet",
        "small:model",
        "--data-dir",
        "images",
        "--keep",
        9,
        "--samples",
        2,
        "--out",
    ]
    assert topcert(*run, "o", "--limit", 2).code == 0
    shown = topcert(*run, "o", "--limit", 4, "--resume")
    assert shown.code == 2
    assert "without --stride imagenet spreads them over all its images" in shown.err
    assert topcert(*run, "p", "--limit", 2, "--stride", 1).code == 0
    grown = topcert(*run, "p", "--limit", 4, "--stride", 1, "--resume")
    assert grown.code == 0, grown.err
    assert Ledger.open(Path("p")).manifest.num_inputs == 4


def test_a_process_that_came_too_late_changes_nothing(workplace: Path) -> None:
    vote(3, "o")
    late = open_run(request(5), Path("o"), resume=True)
    vote(8, "o")
    before = contents("o")
    with pytest.raises(ValueError, match="by another process"):
        collect_votes(late, on_progress=lambda *_: None)
    assert contents("o") == before
