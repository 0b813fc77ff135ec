"""`topcert radius --ballot` and `topcert plan --ballot`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import topcert as tc
from tests.conftest import Outcome
from topcert.theory.certified_radius import certified_radius

ASKED = ("--keep", 4, "--features", 64, "--alpha", 0.01)
TABLE = "a,b,c,d,label\n480,300,200,20,0\n450,450,60,40,1\n"


def written(text: str) -> str:
    Path("c.csv").write_text(text)
    return "c.csv"


@pytest.mark.parametrize("named", [1, 2])
def test_radius_takes_counts_of_ballots(
    workplace: Path, topcert: Callable[..., Outcome], named: int
) -> None:
    run = topcert("radius", written(TABLE), *ASKED, "--k", "1,3", "--ballot", named)
    counts, labels = [[480, 300, 200, 20], [450, 450, 60, 40]], [0, 1]
    lower, upper = tc.simultaneous_bounds(counts, alpha=0.01, labels=labels, num_named=named)
    found = certified_radius(
        lower, upper, labels, k=[1, 3], num_features=64, num_kept=4, num_named=named
    )
    rows = [
        f"{row},{labels[row]},{'ab'[row]},{k},{found[row][i]}"
        for row in (0, 1)
        for i, k in enumerate((1, 3))
    ]
    assert run.code == 0, run.err
    assert run.out.replace(",-1", ",").splitlines() == [
        "index,label,class,k,radius",
        *(row.replace(",-1", ",") for row in rows),
    ]
    assert found.max() > 0


def test_one_label_named_is_what_it_was(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    plain, one = (
        topcert("radius", written(TABLE), *ASKED, "--k", 3, *more) for more in ((), ("--ballot", 1))
    )
    assert plain == one
    plain, one = (
        topcert("plan", "--features", 64, "--keep", 4, "--classes", 9, "--json", *more)
        for more in ((), ("--ballot", 1))
    )
    assert plain == one
    assert "num_named" not in plain.out


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("a,b,c\n5,3,1\n", (), "c.csv: input 0 has 9 namings, no multiple of 2"),
        (
            "a,b,c\n6,1,1\n",
            (),
            "c.csv: input 0, class 0 is named 6 times by 4 ballots of 2 labels each",
        ),
        ("a,b,c\n4,3,1\n4,4,2\n", (), "row 0 sum to 8, those of row 1 to 10"),
        ("a,b,c\n4,3,1\n", ("--samples", 8), "sum to 8, not to --samples 8 times --ballot 2"),
        ("a,b,c,votes\n4,3,1,8\n", (), "sum to 8, but its `votes` say 8, of 2 labels each"),
        (
            "a,b,c\n4,3,1\n",
            ("--method", "levine-feizi", "--k", 1),
            "levine-feizi certifies votes that name one label each",
        ),
        ("a,b\n4,4\n", ("--k", 1), "--ballot must lie in 1 .. 1"),
    ],
)
def test_counts_that_are_none_of_ballots_are_refused(
    workplace: Path,
    topcert: Callable[..., Outcome],
    text: str,
    more: tuple[object, ...],
    message: str,
) -> None:
    run = topcert(
        "radius",
        written(text),
        *ASKED,
        *(("--k", 2) if "--k" not in more else ()),
        "--ballot",
        2,
        *more,
    )
    assert run.code == 2
    assert message in " ".join(run.err.split())
    assert run.out == ""


def test_rows_of_ballots_may_say_how_many_votes_they_are(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    text = "a,b,c,label,votes\n400,250,150,0,400\n100,60,40,0,100\n"
    run = topcert("radius", written(text), *ASKED, "--k", 2, "--ballot", 2)
    assert run.code == 0, run.err
    assert topcert("radius", written(TABLE), *ASKED, "--samples", 500, "--ballot", 2).code == 0


def test_radius_says_where_ballots_can_certify_nothing(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        "radius",
        written("a,b,c,d,label\n10,9,1,0,0\n10,9,1,0,0\n"),
        *ASKED,
        "--k",
        1,
        "--ballot",
        2,
        "--samples",
        10,
    )
    assert (
        "k = 1: nothing can be certified with n = 10, alpha = 0.01, c = 4, e = 4, w = 2 and d = 64"
        in run.err
    )


def test_a_label_that_every_ballot_of_two_names_is_no_total(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    asked = [
        "radius",
        written("a,b,c,d,label\n500,300,100,100,0\n500,400,50,50,0\n"),
        *ASKED,
        "--k",
        1,
        "--ballot",
        2,
    ]
    assert (
        "where it is a class, say with --samples that every input has 500 votes"
        in topcert(*asked).err
    )
    assert topcert(*asked, "--samples", 500).code == 0


def test_plan_says_what_ballots_can_certify(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    asked = ["plan", "--features", 1024, "--keep", 50, "--classes", 10, "--samples", 1000, "--k", 3]
    for named, largest in ((1, 26), (2, 13), (3, 13)):
        run = topcert(*asked, "--ballot", named)
        assert run.code == 0, run.err
        assert f"the largest radius that can ever be certified is {largest} features" in run.out
        assert ("w = " in run.out) == (named > 1)
    run = topcert(*asked, "--ballot", 3, "--json")
    message = json.loads(run.out)["settings"][0]
    assert message["num_named"] == 3
    last = message["votes_needed"][-1]
    assert last == {"radius": 13, "others_even": None, "few_rivals": 995}
    assert "none" in topcert(*asked, "--ballot", 3).out
    assert "--ballot must lie in 1 .. 9" in topcert(*asked, "--ballot", 10).err
