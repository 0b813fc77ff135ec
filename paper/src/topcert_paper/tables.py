"""What Tables 1 and 2 of the paper (and Appendix D's row) say, and how each row is measured
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final

from topcert.methods.method import Smoothing
from topcert.noise.ablation import Ablation
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.noise.law import Noise

Budget = Literal["small", "paper"]
RADII: Final = (1, 2, 3, 4, 5)
ALPHA: Final = 0.001
NUM_SELECTION: Final = 100


@final
@dataclass(frozen=True, kw_only=True)
class Setting:
    """One noise with its parameter, as text: one network is trained under it, one set of votes
    drawn.
    """

    noise: Noise
    value: str

    @property
    def name(self) -> str:
        return f"{self.noise.name}-{self.value}"

    def in_words(self) -> str:
        return self.noise.parameter_in_words().partition(" = ")[0] + f" = {self.value}"


@final
@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: a method at one k, at the best of its settings for each radius, and what the paper
    has at RADII.
    """

    k: int
    method: str
    title: str
    settings: tuple[Setting, ...]
    paper: tuple[str, ...]


@final
@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """One table; an image has `num_features` pixels of three channels."""

    name: str
    caption: str
    num_features: int
    num_classes: int
    rows: tuple[Row, ...]
    interval_title: str | None = None  # of the deterministic row, which has no votes
    interval_paper: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting once, the paper's own first."""
        return tuple(
            dict.fromkeys(setting for row in reversed(self.rows) for setting in row.settings)
        )

    def smoothing(self, setting: Setting) -> Smoothing:
        return Smoothing(
            noise=setting.noise,
            unit="pixel",
            num_features=self.num_features,
            channels=3,
            law_error=setting.noise.law_error(3 * self.num_features),
        )


SIGMAS: Final = tuple(
    Setting(noise=Gaussian(sigma=float(value)), value=value)
    for value in ("0.1", "0.12", "0.25", "0.5", "1.0")
)
KEEPS: Final = tuple(
    Setting(noise=Discrete(keep_probability=value), value=value)
    for value in ("0.1", "0.2", "0.3", "0.4", "0.5")
)


def _rows(kept: str, paper: dict[str, str]) -> tuple[Row, ...]:
    ablation = (Setting(noise=Ablation(num_kept=int(kept)), value=kept),)
    rows = (
        (1, "cohen", "Cohen et al. 2019", SIGMAS),
        (1, "lee", "Lee et al. 2019", KEEPS),
        (1, "levine-feizi", "Levine & Feizi 2019", ablation),
        (1, "levine-feizi-simuem", "Levine & Feizi + SimuEM", ablation),
        (1, "ablation", "Jia et al. 2022", ablation),
        (3, "jia-2020", "Jia et al. 2020", SIGMAS),
        (3, "ablation", "Jia et al. 2022", ablation),
    )
    return tuple(
        Row(
            k=k,
            method=method,
            title=title,
            settings=settings,
            paper=tuple(paper[f"{method} {k}"].split()),
        )
        for k, method, title, settings in rows
    )


TABLE1: Final = PaperTable(
    name="table1",
    caption="Table 1: certified top-k accuracy on CIFAR-10, ours (the paper's).",
    num_features=32 * 32,
    num_classes=10,
    rows=_rows(
        "50",
        {
            "cohen 1": "0.118 0.056 0.018 0.0 0.0",
            "lee 1": "0.188 0.018 0.004 0.002 0.0",
            "levine-feizi 1": "0.704 0.680 0.670 0.646 0.610",
            "levine-feizi-simuem 1": "0.746 0.718 0.690 0.660 0.636",
            "ablation 1": "0.746 0.718 0.690 0.660 0.636",
            "jia-2020 3": "0.244 0.124 0.070 0.028 0.004",
            "ablation 3": "0.886 0.860 0.838 0.814 0.780",
        },
    ),
    interval_title="Chiang et al. 2020",
    interval_paper=("0.400", "0.369", "0.342", "0.312", "0.308"),
)
TABLE2: Final = PaperTable(
    name="table2",
    caption="Table 2: certified top-k accuracy on ImageNet, ours (the paper's).",
    num_features=224 * 224,
    num_classes=1000,
    rows=_rows(
        "1000",
        {
            "cohen 1": "0.226 0.152 0.120 0.088 0.0",
            "lee 1": "0.338 0.196 0.104 0.092 0.070",
            "levine-feizi 1": "0.602 0.600 0.596 0.588 0.586",
            "levine-feizi-simuem 1": "0.634 0.628 0.618 0.616 0.608",
            "ablation 1": "0.634 0.628 0.618 0.616 0.608",
            "jia-2020 3": "0.326 0.232 0.160 0.120 0.090",
            "ablation 3": "0.740 0.730 0.712 0.698 0.692",
        },
    ),
)
