"""`--executor`: the votes are the same whoever casts them, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

PLAIN = """
def make():
    return lambda batch: batch[:, :5]
"""


def files(folder: str) -> dict[str, bytes]:
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_certify_and_predict_with_processes(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    (workplace / "plain_executor_model.py").write_text(PLAIN)
    given = ["table.npz", "plain_executor_model:make", "--keep", 4, "--samples", 200]
    shared = ("--executor", "processes", "--workers", 2)
    for name, more in (("alone", ("--executor", "in-process")), ("shared", shared)):
        run = topcert("certify", *given, "--k", 1, "--out", name, *more)
        assert run.code == 0, run.err
        assert ("votes cast by 2 processes" in run.err) == (name == "shared")
    assert files("shared") == files("alone")
    shown = [topcert("predict", *given, "--seed", 3, *more) for more in ((), shared)]
    assert shown[0].out == shown[1].out
    assert shown[0].code == shown[1].code == 0


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (("--executor", "cloud"), "--executor must be one of auto, in-process, processes, ray"),
        (("--executor", "in-process", "--workers", 2), "--workers 2 is for --executor processes"),
        (("--ray", "auto"), "--ray is for --executor ray, not for auto; leave it out"),
        (("--executor", "processes", "--num-gpus", 1), "--num-gpus is for --executor ray"),
        (("--executor", "ray", "--resources", "tpu"), "--resources must be NAME=AMOUNT"),
        (("--executor", "ray", "--resources", "tpu=0"), "--resources must be NAME=AMOUNT"),
    ],
)
def test_what_does_not_fit_is_refused(
    workplace: Path, topcert: Callable[..., Outcome], given: tuple[object, ...], error: str
) -> None:
    run = topcert(
        "certify", "table.npz", "models_for_tests:linear", "--keep", 4, "--out", "o", *given
    )
    assert run.code == 2
    assert error in run.err.replace("\n", " ")
    assert not Path("o").exists()
