"""A law of noise is added by one file, beside that of its method: here, or in another package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import topcert
import topcert.methods
import topcert.noise
from tests.conftest import Outcome
from topcert import plugins
from topcert.api.python_words import in_python
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.cli.app import as_options
from topcert.cli.option_groups import LawFields
from topcert.noise.make_noise import make_noise
from topcert.noise.registered_laws import all_noises, find_noise
from topcert.plugins import NOISES
from topcert.randomization.words import draw_words
from topcert.voting.manifest import Manifest

LAW = '''
"""Columns are swapped for one minus themselves, each by a chance of its own."""

from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from topcert.noise.law import Noise, option
from topcert.randomization.randomizer import Randomizer
from topcert.randomization.words import draw_words


@final
@dataclass(frozen=True, kw_only=True)
class Flips(Noise):
    """Each value v of a table becomes 1 - v with probability `rate`."""

    name: ClassVar[str] = "flips"
    title: ClassVar[str] = "Flips"
    known: ClassVar[frozenset[str]] = frozenset({"words-below-1"})

    rate: float = field(
        metadata=option(
            "--rate", meaning="the chance of a flip", help_text="A share.", kind=float, needed=True
        )
    )

    def __post_init__(self):
        if not 0 < self.rate < 1:
            raise ValueError(f"rate must lie strictly between 0 and 1, got {self.rate}")

    @property
    def own_algorithm(self):
        return "words-below-1"

    def fitted(self, form, *, num_samples, num_selection=0):
        if form.kind != "table":
            raise ValueError(f"flips are for tables, and {form.name} is none")
        return self

    def randomizer(self, form, *, seed, num_samples, num_votes, batch_size):
        return Flipped(rate=self.rate, seed=seed, width=form.width, batch_size=batch_size)

    def in_words(self):
        return f"flips, rate = {self.rate:g}"

    def parameter_in_words(self):
        return f"rate = {self.rate:g}"


@final
class Flipped(Randomizer):
    def __init__(self, *, rate, seed, width, batch_size):
        self.batch_size = batch_size
        self._rate, self._seed, self._width = rate, seed, width

    def prepare(self, x):
        return x

    def batch(self, prepared, start):
        words = draw_words(
            seed=self._seed, start=start, stop=start + self.batch_size, width=self._width
        )
        return np.where(words < np.uint64(int(self._rate * 2**64)), 1 - prepared, prepared)


NOISE = Flips
'''

METHOD = '''
"""The label itself: radius 0 where more than half of the votes must be for it."""

from typing import ClassVar, final

import numpy as np

from topcert.methods.method import Radii, VoteMethod
from topcert.theory.confidence import one_sided_bounds


@final
class Plain(VoteMethod):
    name: ClassVar[str] = "plain-flips"
    noise: ClassVar[str] = "flips"
    norm: ClassVar[str] = "l0"
    needs: ClassVar[str] = "--rate"
    guarantee: ClassVar[str] = "holds with probability 1 - alpha"
    only_top_1: ClassVar[bool] = True

    def bounds(self, counts, *, alpha, labels, num_named=1):
        return one_sided_bounds(counts, alpha=alpha, labels=labels)

    def theorem(self, lower, upper, labels, *, ks, smoothing):
        share = np.take_along_axis(lower, labels[:, None], axis=1)
        return Radii(np.where(share > 0.5, 0, -1))


METHOD = Plain()
'''

RATE = 0.25
TABLE = np.random.default_rng(0).random((4, 6))


def classify(batch: np.ndarray) -> np.ndarray:
    """Which of the first three columns is the largest, as scores."""
    return batch[:, :3]


MODEL = """
def make():
    return lambda batch: batch[:, :3]
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One file of a law and one of a method, where topcert has its own."""
    for package, name, source in (
        (topcert.noise, "flips", LAW),
        (topcert.methods, "plain_flips", METHOD),
    ):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(source)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    (tmp_path / "columns_for_tests.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("topcert.noise.flips", "topcert.methods.plain_flips", "columns_for_tests"):
        sys.modules.pop(name, None)


def test_one_file_adds_a_law(files: Path, topcert: Callable[..., Outcome]) -> None:
    made: Any = find_noise("flips")
    noise = made(rate=RATE)
    np.savez("table.npz", x=TABLE, y=np.argmax(TABLE[:, :3], axis=1))
    smoothed = SmoothedClassifier("columns_for_tests:make", noise=noise)
    votes = smoothed.vote("table.npz", num_samples=400, seed=3, out="run", progress=False)
    assert in_python("the noise flips needs --rate") == "the noise flips needs rate"
    assert as_options("rate must lie below 1, got 2") == "--rate must lie below 1, got 2"
    found = votes.certify()  # by the one method of that noise
    found.save()
    counts = np.zeros((4, 3), np.int64)
    flipped = draw_words(seed=3, start=0, stop=400, width=6) < np.uint64(2**62)
    for row, x in enumerate(TABLE):
        shown = np.where(flipped, 1 - x, x)[:, :3]
        counts[row] = np.bincount(shown.argmax(axis=1), minlength=3)
    assert np.array_equal(votes.counts, counts)
    message = json.loads(Path("run/manifest.json").read_text())
    assert (message["noise"], message["law"], message["algorithm"]) == (
        "flips",
        "iid",
        "words-below-1",
    )
    assert message["rate"] == RATE
    assert message["num_kept"] is message["sigma"] is message["encoding"] is None
    assert Manifest.read(Path("run/manifest.json")).noise == noise
    assert "flips, rate = 0.25" in topcert("verify", "run", "--model", "columns_for_tests:make").out
    run = topcert("evaluate", "run", "--json")
    assert run.code == 0, run.err
    assert (
        topcert("verify", "run", "--model", "columns_for_tests:make", "--replay", "400").code == 0
    )


def test_a_manifest_of_a_law_that_is_not_here_is_refused(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Any = find_noise("flips")
    smoothed = SmoothedClassifier(classify, noise=made(rate=RATE))
    smoothed.vote(TABLE, num_samples=20, out="run", progress=False)
    path = Path("run/manifest.json")
    text = path.read_text()
    path.write_text(text.replace('"rate": 0.25', '"rate": 2.0'))
    with pytest.raises(ValueError, match=r"rate must lie strictly between 0 and 1, got 2\.0"):
        Manifest.read(path)
    path.write_text(text)
    monkeypatch.setattr(topcert.noise, "__path__", topcert.noise.__path__[:1])
    with pytest.raises(ValueError, match=r"noise must be one of ablation, .*, got 'flips'"):
        Manifest.read(path)


def test_a_package_adds_a_law_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flips_for_tests.py").write_text(LAW)
    monkeypatch.syspath_prepend(str(tmp_path))
    value = "flips_for_tests:Flips"

    def entries(*, group: str) -> list[EntryPoint]:
        return [EntryPoint("flips", value, group)] if group == NOISES else []

    monkeypatch.setattr("topcert.plugins.entry_points", entries)
    monkeypatch.setattr(plugins, "_find_plugins", plugins._find_plugins.__wrapped__)
    found: Any = find_noise("flips")
    assert found.__module__ == "flips_for_tests"
    assert "flips" in all_noises()
    (rate,) = (one for one in LawFields().parameters() if one.name == "rate")
    assert get_args(rate.annotation)[1].default == "--rate"
    assert make_noise(found, {"rate": 0.5, "num_kept": None}) == found(rate=0.5)
    with pytest.raises(ValueError, match="the noise flips needs --rate, the chance of a flip"):
        make_noise(found, {})
    with pytest.raises(ValueError, match="--rate belongs to the noise flips, not to gaussian"):
        make_noise(topcert.Gaussian, {"sigma": 0.5, "rate": 0.5})
    value = "flips_for_tests:RATE"
    with pytest.raises(ValueError, match=r"the noise 'flips' of the package .* does not load"):
        find_noise("flips")
    assert "flips" not in all_noises()
    value = "flips_for_tests:Flipped"
    with pytest.raises(ValueError, match=r"is no law: flips_for_tests:Flipped is not a subclass"):
        find_noise("flips")
    sys.modules.pop("flips_for_tests", None)
