"""The attack of `benchmarks/attacks.py` breaks what can be broken, and no certificate."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from topcert.evaluation.results import derive
from topcert.noise.ablation import Ablation
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run

ATTACKS = Path(__file__).parent.parent.parent / "benchmarks" / "attacks.py"
THIRDS = '''
"""The label says in which third of [0, 1] the mean of the six shown pixels lies."""
import numpy as np

def make():
    return lambda batch: np.digitize(batch[:, 0].sum((1, 2)) / 6, (1 / 3, 2 / 3))

def near():
    """Scores of five classes, whose middles lie at 0.1, 0.3, .. 0.9: the two nearest are named."""
    middles = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    return lambda batch: -abs(batch[:, 0].sum((1, 2))[:, None] / 6 - middles)
'''


@pytest.fixture
def attacks() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("attacks_for_tests", ATTACKS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(("method", "masks"), [("design", 30), ("fpa", 6)])
@pytest.mark.parametrize("values", ["any", "image"])
def test_no_certificate_is_broken_and_one_pixel_more_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    attacks: ModuleType,
    method: str,
    masks: int,
    values: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "thirds_for_tests", raising=False)
    Path("thirds_for_tests.py").write_text(THIRDS)
    labels = np.array([0, 2, 0, 2])
    means = np.array([0.15, 0.85, 0.25, 0.75])[:, None, None, None]
    x = np.clip(means + np.random.default_rng(0).uniform(-0.15, 0.15, (4, 6, 6, 1)), 0, 1).astype(
        np.float32
    )
    np.savez("images.npz", x=x, y=labels)
    request = Request(
        data="images.npz",
        model="thirds_for_tests:make",
        noise=Ablation(num_kept=6, design="partitions"),
        num_samples=masks,
        num_classes=3,
    )
    opened = open_run(request, Path("run"), resume=False)
    ledger = collect_votes(opened, on_progress=lambda *_: None)
    right = derive(ledger, method=method, ks=[1, 2], alpha=0.0).certificates
    wrong = dataclasses.replace(right, radius=right.radius + 1)
    assert (right.radius >= 1).all()
    others = opened.prepared.dataset

    cases = attacks.attack_all(opened.prepared, ledger, right, others=others, values=values)
    assert attacks.report(cases)
    assert "BROKEN" not in capsys.readouterr().out
    assert len(cases) == 8
    for case in cases:
        assert min(case.broken, case.voided) > case.radius
    # where a mask with a changed pixel votes as the attacker likes, the bounds are reached
    if values == "any":
        assert all(case.broken == case.radius + 1 for case in cases if case.k == 1)

    cases = attacks.attack_all(opened.prepared, ledger, wrong, others=others, values=values)
    assert not attacks.report(cases)
    assert "BROKEN WITHIN ITS RADIUS: Case(" in capsys.readouterr().out
    if values == "any":
        assert all(case.broken <= case.radius for case in cases if case.k == 1)


@pytest.mark.parametrize(
    ("design", "keep", "method", "masks"),
    [("partitions", 6, "design", 30), ("partitions", 6, "fpa", 6), ("lattice", 4, "design", 9)],
)
def test_no_certificate_of_ballots_is_broken_and_one_pixel_more_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attacks: ModuleType,
    design: str,
    keep: int,
    method: str,
    masks: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "thirds_for_tests", raising=False)
    Path("thirds_for_tests.py").write_text(THIRDS.replace("/ 6", f"/ {keep}"))
    labels = np.array([0, 4, 0, 4])
    means = np.array([0.12, 0.88, 0.18, 0.82])[:, None, None, None]
    noise = np.random.default_rng(0).uniform(-0.12, 0.12, (4, 6, 6, 1))
    x = np.clip(means + noise, 0, 1).astype(np.float32)
    np.savez("images.npz", x=x, y=labels)
    request = Request(
        data="images.npz",
        model="thirds_for_tests:near",
        noise=Ablation(
            num_kept=keep, design=design, encoding="lattice" if design == "lattice" else None
        ),
        num_samples=masks,
        num_named=2,
    )
    opened = open_run(request, Path("run"), resume=False)
    ledger = collect_votes(opened, on_progress=lambda *_: None)
    right = derive(ledger, method=method, ks=[2], alpha=0.0).certificates
    wrong = dataclasses.replace(right, radius=right.radius + 1)
    assert (right.radius >= 1).all()
    asked = {"others": opened.prepared.dataset, "num_named": 2, "values": "any"}

    cases = attacks.attack_all(opened.prepared, ledger, right, **asked)
    assert attacks.report(cases)
    assert len(cases) == 4
    assert all(min(case.broken, case.voided) > case.radius for case in cases)
    assert any(case.broken == case.radius + 1 for case in cases)
    assert not attacks.report(attacks.attack_all(opened.prepared, ledger, wrong, **asked))
