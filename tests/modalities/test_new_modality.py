"""A kind of input is added by one file: here, or in another package, with a method beside it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import topcert
import topcert.modalities
from tests.conftest import Outcome
from tests.packages import install
from topcert import open_votes
from topcert.datasets.array_inputs import read_inputs
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import (
    added_modalities,
    known_modality,
    modality_of,
    plural_of,
    usual_modality,
)
from topcert.plugins import METHODS, MODALITIES
from topcert.randomization.masks import draw_masks
from topcert.voting.manifest import Manifest

SERIES = '''
"""Series: sequences of numbers, read from lines of text; a hidden step is shown as one that has
no value, beside a second row that says which have one."""

from typing import ClassVar, final

import numpy as np

from topcert.modalities.encodings.encoding import EncoderSpec, Encoder, Encoding
from topcert.modalities.modality import Modality, Unit
from topcert.modalities.raw_input import RawInput


@final
class Flagged(Encoder):
    """Values of kept steps and zeros, and below them ones and zeros."""

    def __init__(self, *, batch_size, steps, dtype):
        self._shape, self._dtype = (batch_size, 2, steps), dtype

    def __call__(self, planes, kept):
        batch = np.zeros(self._shape, self._dtype)
        rows = np.arange(len(kept))[:, None]
        batch[rows, 0, kept] = planes[0][kept]
        batch[rows, 1, kept] = 1
        return batch


def make(asked: EncoderSpec) -> Encoder:
    form = asked.form
    return Flagged(batch_size=asked.batch_size, steps=form.num_features, dtype=form.dtype)


@final
class Series(Modality):
    name: ClassVar[str] = "series"
    called: ClassVar[str] = "series"
    noun: ClassVar[str] = "series"
    axes: ClassVar[int] = 1
    axes_in_words: ClassVar[str] = "(inputs, steps)"
    units: ClassVar[tuple[Unit, ...]] = (Unit(name="entry", several="entries"),)
    encodings: ClassVar[tuple[Encoding, ...]] = (Encoding(name="flagged", make=make),)
    suffixes: ClassVar[tuple[str, ...]] = (".series",)

    def split(self, shape, unit):
        return 1, shape[0]

    def planes(self, x, unit):
        return np.ascontiguousarray(x)[None]

    def read_file(self, path):
        lines = np.loadtxt(path, ndmin=2)
        return {"x": lines[:, :-1], "y": lines[:, -1].astype(np.int64)}

    def raw(self, data, options):
        if not data.endswith(".series"):
            return None
        return RawInput(what="a recording that was smoothed", part="sample", spread=2)


MODALITY = Series()
'''

METHOD = '''
"""Half the radius of the paper's, rounded down: weaker, and true."""

from typing import ClassVar

import numpy as np

from topcert.methods.ablation import METHOD as WHOLE
from topcert.methods.method import Radii


class Half(type(WHOLE)):
    name = "half-series"
    guarantee = "half of what ablation promises"

    def theorem(self, lower, upper, labels, *, ks, smoothing):
        radius = super().theorem(lower, upper, labels, ks=ks, smoothing=smoothing).radius
        return Radii(np.where(radius > 0, radius // 2, radius))


METHOD = Half()
'''

MODEL = '''
import numpy as np


def make():
    """Whether what is shown lies above 1/2 on the whole, or below."""

    def classify(batch):
        above = (batch[:, 0] - 0.5 * batch[:, 1]).sum(axis=1)
        return np.stack([-above, above], axis=1)

    return classify
'''
STEPS, KEPT, SAMPLES = 12, 3, 300
X = np.round(np.random.default_rng(2).random((3, STEPS)), 3)
X[1:] = np.where(X[1:] < 0.25, X[1:], 1 - X[1:] / 8)
Y = np.array([1, 1, 1])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that adds a kind of input and a method, as pip would install it."""
    install(
        monkeypatch,
        tmp_path,
        package="topcert-series",
        entries={
            MODALITIES: {"series": "series_for_tests:MODALITY"},
            METHODS: {"half-series": "half_for_tests:METHOD"},
        },
        modules={"series_for_tests": SERIES, "half_for_tests": METHOD, "model_for_tests": MODEL},
    )
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("series_for_tests", "half_for_tests", "model_for_tests"):
        sys.modules.pop(name, None)


def counts_by_hand() -> np.ndarray:
    """Under how many of the masks of seed 3 the kept values lie above 1/2 on the whole."""
    masks = draw_masks(seed=3, start=0, stop=SAMPLES, num_features=STEPS, num_kept=KEPT)
    high = (X[:, masks] - 0.5).sum(axis=2) > 0
    return np.stack([(~high).sum(axis=1), high.sum(axis=1)], axis=1)


def test_a_package_adds_a_kind_of_input_and_a_method(
    package: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [" ".join(map(str, [*x, y])) for x, y in zip(X, Y, strict=True)]
    (package / "inputs.series").write_text("\n".join(rows))
    run = topcert(
        *("certify", "inputs.series", "model_for_tests:make", "--method", "half-series"),
        *("--keep", str(KEPT), "--samples", str(SAMPLES), "--seed", "3", "--k", "1"),
        *("--out", "run", "--json"),
    )
    assert run.code == 0, run.err
    shown = " ".join(run.err.split())
    assert f"the array of {STEPS} values whose entries are ablated (3 of 12 kept)" in shown
    assert "however an attacker rewrites up to r of its entries, the label" in shown
    sentence = (
        "Of a recording that was smoothed, one changed sample moves 2 entries of the certified"
        " array."
    )
    assert sentence in shown
    predict = ["predict", "inputs.series", "model_for_tests:make", "--keep", 3, "--samples", 20]
    for told in (
        run,
        topcert("evaluate", "run", "--json"),
        topcert(*predict, "--k", 1, "--json"),
        topcert("verify", "run", "--json"),
    ):
        assert json.loads(told.out)["raw_input"] == sentence
    page = " ".join(topcert("certify", "--help").out.split())
    (units,) = re.findall(r"one feature: ([^.]*)\.", page)
    assert {"pixel", "feature", "point", "column", "entry"} <= set(re.split(r", | or ", units))
    assert " flagged; by default what the network was trained on" in page
    message = json.loads(Path("run/manifest.json").read_text())
    assert (message["unit"], message["encoding"], message["num_features"]) == (
        "entry",
        "flagged",
        STEPS,
    )
    again = topcert("verify", "run", "--model", "model_for_tests:make", "--replay", "all")
    assert again.code == 0, again.err
    assert "of a recording that was smoothed, one changed sample moves 2 entries" in again.out
    assert np.array_equal(open_votes("run").counts, counts_by_hand())
    there = [place for place in sys.path if "topcert-series" not in place]
    monkeypatch.setattr(sys, "path", there)  # it is uninstalled
    with pytest.raises(ValueError, match=r"unit is 'entry', of .* none; install the package that"):
        Manifest.read(Path("run/manifest.json"))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("1 2 x 0", "cannot be read as series: could not convert string 'x' to float64"),
        ("1 2 inf 0", "x holds inf at (0, 2); replace it, a certificate needs finite inputs"),
        ("1 2 0\n1 2 3 0", "cannot be read as series: the number of columns changed from 3 to 4"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(
    package: Path, topcert: Callable[..., Outcome], lines: str, why: str
) -> None:
    (package / "inputs.series").write_text(lines)
    run = topcert("certify", "inputs.series", "model_for_tests:make", "--keep", "2", "--out", "run")
    assert run.code == 2
    assert run.err.startswith("error: inputs.series")
    assert run.err.count("\n") == 1
    assert why in run.err


def test_the_same_from_python(package: Path) -> None:
    sys.path.append(str(package / "topcert-series"))
    import model_for_tests  # type: ignore[import-not-found]

    smoothed = topcert.SmoothedClassifier(
        model_for_tests.make(), noise=topcert.Ablation(num_kept=KEPT), unit="entry"
    )
    votes = smoothed.vote(X, Y, num_samples=SAMPLES, seed=3, progress=False)
    assert np.array_equal(votes.counts, counts_by_hand())
    whole, half = votes.certify("ablation", k=1), votes.certify("half-series", k=1)
    assert max(whole.table.radius) >= 2
    assert half.table.radius.tolist() == [r // 2 if r > 0 else r for r in whole.table.radius]
    assert "rewrites up to r of its entries" in whole.promise()
    assert "recording" not in whole.promise()


def test_one_file_in_the_folder_adds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "series.py").write_text(SERIES)
    path = [*topcert.modalities.__path__, str(tmp_path)]
    monkeypatch.setattr(topcert.modalities, "__path__", path)
    found = modality_of((STEPS,), "entry")
    assert (found.name, found.unit, found.encoding.name) == ("series", "entry", "flagged")
    assert plural_of("entry") == "entries"
    # what nobody names is what it was before
    table = usual_modality(1)
    assert table is not None
    assert read_inputs(X, "x").kind == table.name == "table"
    assert read_inputs(X, "x", unit="entry").kind == "series"
    with pytest.raises(ValueError, match=r"--range .* is for images, and x holds series; leave"):
        read_inputs(X, "x", unit="entry", value_range=(0, 2))
    with pytest.raises(ValueError, match=r"\(inputs, steps\), \(inputs, features\), \(inputs, "):
        read_inputs(X[0], "x", unit="entry")
    with pytest.raises(ValueError, match="encoding six-channel and unit entry do not go togeth"):
        make_encoder("six-channel", shape=(STEPS,), unit="entry", batch_size=1)
    with pytest.raises(ValueError, match=r"has no entries; images have pixels, .*, series entries"):
        modality_of((4, 4, 3), "entry")
    sys.modules.pop("topcert.modalities.series")


@pytest.mark.parametrize(
    ("changed", "into", "why"),
    [
        ('Unit(name="entry"', 'Unit(name="column"', "'table' has the unit 'column' too, and as"),
        ("axes: Cl", "usual = True; axes: Cl", "arrays with 2 axes hold a table where nobody"),
        ('name="flagged"', 'name="mean"', "another encoding of the name 'mean'; rename it"),
        ('= "series"', '= "rows"', "calls itself 'rows'; its entry point and its `name` must be"),
        ('= "series"', '= "image"', "calls itself 'image'"),
        ("axes: Cl", 'changes = ("insert",); axes: Cl', "lets an attacker insert, which no method"),
        ("MODALITY = Series()", "MODALITY = Series", "is none: series_for_tests:MODALITY is no in"),
        ("import numpy", "import a_library_that_is_gone", "does not load (ModuleNotFoundError"),
    ],
)
def test_one_that_is_at_fault_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, into: str, why: str
) -> None:
    install(
        monkeypatch,
        tmp_path,
        package="topcert-series",
        entries={MODALITIES: {"series": "series_for_tests:MODALITY"}},
        modules={"series_for_tests": SERIES.replace(changed, into, 1)},
    )
    assert known_modality((STEPS,), "entry") is None
    found, (reason,) = added_modalities()
    assert found == []
    assert reason.startswith("the modality 'series' of the package topcert-series ")
    assert why in reason
    # whoever asks for it is told; everything else works
    smoothed = topcert.SmoothedClassifier(
        lambda batch: batch[:, :2], noise=topcert.Ablation(num_kept=KEPT), unit="entry"
    )
    with pytest.raises(ValueError, match="unknown unit 'entry'; choose one of: pixel") as caught:
        smoothed.vote(X, num_samples=10, progress=False)
    assert reason in str(caught.value)
    assert modality_of((STEPS,), "column").name == "table"
    sys.modules.pop("series_for_tests", None)


def test_planes_that_are_not_as_promised_are_refused(package: Path) -> None:
    path = package / "topcert-series" / "series_for_tests.py"
    path.write_text(SERIES.replace("return 1, shape[0]", "return 1, shape[0] - 1"))
    smoothed = topcert.SmoothedClassifier(
        lambda batch: batch[:, 0, :2], noise=topcert.Ablation(num_kept=KEPT), unit="entry"
    )
    with pytest.raises(ValueError, match=r"series cuts an input of shape \(12,\) into planes"):
        smoothed.vote(X, num_samples=10, progress=False)


def test_an_encoder_that_shows_what_is_hidden_is_refused(package: Path) -> None:
    path = package / "topcert-series" / "series_for_tests.py"
    path.write_text(SERIES.replace("batch[rows, 0, kept] = planes[0][kept]", "batch[:] = planes"))
    noise = topcert.Ablation(num_kept=KEPT)
    smoothed = topcert.SmoothedClassifier(lambda batch: batch[:, 0, :2], noise=noise, unit="entry")
    with pytest.raises(ValueError, match="the encoder Flagged shows features that a mask hides"):
        smoothed.vote(X, num_samples=10, progress=False)
    with pytest.raises(ValueError, match="the encoder Flagged shows features that a mask hides"):
        topcert.count_votes(
            lambda batch: batch[:, 0, :2], X, noise=noise, num_samples=9, unit="entry"
        )
