"""Randomized ablation (Levine and Feizi 2020; Jia et al. 2022): all but a few features are hidden.

Masks are uniformly random sets of so many features, each independent of the others, or those of a
design, which are then the classifier (docs/theory/designs.md).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self, final

from topcert.noise.form import Form, fingerprint_fill
from topcert.noise.law import IID, Noise, option
from topcert.randomization import designs, lattice, masks
from topcert.randomization.designs import Design, make_design
from topcert.randomization.encodings import (
    DEFAULT_ENCODING,
    ENCODINGS,
    SENTINEL,
    grey_of,
    make_encoder,
)
from topcert.randomization.randomizer import Ablation as AblationRandomizer
from topcert.randomization.randomizer import Randomizer
from topcert.theory.counting import check_counts
from topcert.theory.scalars import real, whole

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NUMBERED: Final = ("constant", "sentinel")  # encodings in which NULL is a number
_COMPUTED: Final = ("mean", "median")  # in which it is a statistic of training inputs


@final
@dataclass(frozen=True, kw_only=True)
class Ablation(Noise):
    """Each copy of an input keeps `num_kept` features; a classifier is shown NULL for the others.

    Args:
        num_kept: How many features a mask keeps (e of the paper). It may be left out for a
            lattice with strides of its own, which decide it.
        design: How the masks of a design are made (`partitions`, `stratified`, `lattice`,
            `lattice:AxB`, `lattice:p=P`, `random`); None for independent masks, the paper's.
        encoding: How hidden features are shown (`six-channel`, `constant`, `mean`, `median`,
            `infill`, `sentinel`, `keep-only`, `lattice`); None takes what suits the inputs.
        fill: The number that stands for NULL in `constant` and `sentinel`; None takes the middle
            of the range of values, and -1. Of a law that is fitted, the SHA-256 of the array that
            does so in `mean` and `median`.
        algorithm: The stream that draws the masks; None for that of new runs.

    Raises:
        ValueError: Where a number is none, a name is unknown, or they do not go together.

    Example:
        >>> import topcert
        >>> topcert.Ablation(num_kept=50)
        Ablation(num_kept=50, design=None, encoding=None, fill=None)
        >>> topcert.Ablation(num_kept=0)
        Traceback (most recent call last):
        ValueError: num_kept must be at least 1, got 0
    """

    name: ClassVar[str] = "ablation"
    title: ClassVar[str] = "Ablation"
    known: ClassVar[frozenset[str]] = frozenset(
        {masks.ALGORITHM, *designs.ALGORITHMS.values(), lattice.ALGORITHM}
    )

    num_kept: int | None = field(
        default=None,
        metadata=option(
            "--keep",
            meaning="how many features each mask keeps (e)",
            help_text="features that each mask keeps (e).",
            needed=True,
        ),
    )
    design: str | None = field(
        default=None,
        metadata=option(
            "--design",
            meaning="how the masks of a design are made",
            help_text=(
                "how masks of a design are made: partitions, random; of pixels stratified,"
                " lattice, lattice:5x4, lattice:p=23."
            ),
        ),
    )
    encoding: str | None = field(
        default=None,
        metadata=option(
            "--encoding",
            meaning="how hidden features are shown",
            help_text=(
                "six-channel, constant, mean, median, infill, sentinel, keep-only or lattice; by"
                " default what suits the data."
            ),
        ),
    )
    fill: float | str | None = field(
        default=None,
        metadata=option(
            "--fill",
            meaning="the value of NULL",
            help_text="the value of NULL in constant (0.5) and sentinel (-1).",
        ),
    )

    def __post_init__(self) -> None:
        if self.num_kept is not None:
            object.__setattr__(self, "num_kept", whole(self.num_kept, "num_kept"))
            if self.num_kept < 1:
                raise ValueError(f"num_kept must be at least 1, got {self.num_kept}")
        strided = self.design is not None and designs.kind_of(self.design) != self.design
        if self.num_kept is None and not strided:
            raise ValueError(
                "the noise ablation needs num_kept, how many features each mask keeps (e)"
            )
        if self.encoding is not None and self.encoding not in ENCODINGS:
            raise ValueError(
                f"encoding must be one of {', '.join(ENCODINGS)}, got {self.encoding!r}"
            )
        self._check_fill()

    def _check_fill(self) -> None:
        """A number belongs to an encoding that has one, a digest to one that computes NULL."""
        if self.fill is None:
            return
        if isinstance(self.fill, str):
            if self.encoding not in _COMPUTED or not _DIGEST.fullmatch(self.fill):
                raise ValueError(f"fill must be a finite number, got {self.fill!r}")
            return
        if not math.isfinite(real(self.fill, "fill")):
            raise ValueError(f"fill must be a finite number, got {self.fill}")
        if self.encoding is not None and self.encoding not in _NUMBERED:
            raise ValueError(
                f"fill must be left out of the encoding {self.encoding}; it is for"
                f" {' and '.join(_NUMBERED)}"
            )

    @property
    def kept(self) -> int:
        """`num_kept`, of a law that has it or is fitted. Raises ValueError where it is open."""
        if self.num_kept is None:
            raise ValueError(f"what {self.design} keeps follows from the inputs; fit it to them")
        return self.num_kept

    @property
    def law(self) -> str:
        return self.design or IID

    @property
    def own_algorithm(self) -> str:
        return masks.ALGORITHM if self.design is None else designs.algorithm_of(self.design)

    def design_of(self, form: Form, *, seed: int, num_samples: int) -> Design | None:
        """The design of whose `num_samples` masks the law speaks; None for independent masks.

        Raises ValueError where inputs of that form have none, as `make_design` does.
        """
        if self.design is None:
            return None
        return make_design(
            self.design,
            shape=form.shape,
            unit=form.unit,
            seed=seed,
            num_features=form.num_features,
            num_kept=self.num_kept,
            num_masks=num_samples,
        )

    def fitted(self, form: Form, *, num_samples: int, num_selection: int = 0) -> Self:
        num_kept = self._kept_of(form, num_samples=num_samples, num_selection=num_selection)
        encoding = self.encoding or DEFAULT_ENCODING[form.kind]
        made = dataclasses.replace(self, num_kept=num_kept, encoding=encoding, fill=None)
        return dataclasses.replace(made, fill=made._fill_of(form, self.fill))

    def _kept_of(self, form: Form, *, num_samples: int, num_selection: int) -> int:
        """What masks keep of an input of that form; refuses what they cannot."""
        if self.num_kept is None:
            made = self.design_of(form, seed=0, num_samples=num_samples)
            assert made is not None
            made.check_count(num_samples, "num_samples")
            return made.num_kept
        if self.design is not None and num_selection:
            raise ValueError(
                "a first sample draws masks beside the design"
                f" {self.design}; leave num_selection out"
            )
        if self.num_kept > form.num_features:
            raise ValueError(
                f"num_kept must lie in 1 .. {form.num_features}, the {form.unit}s of an input; got"
                f" {self.num_kept}"
            )
        check_counts(form.num_features, self.num_kept)
        found = self.design_of(form, seed=0, num_samples=num_samples)
        if found is not None:
            found.check_count(num_samples, "num_samples")
        return self.num_kept

    def _fill_of(self, form: Form, given: float | str | None) -> float | str | None:
        """What stands for NULL, as a manifest records it."""
        if self.encoding in _COMPUTED:
            return fingerprint_fill(form.statistic(self.encoding))
        if given is not None:
            return given
        if self.encoding == "constant":
            return grey_of(form.value_range)
        return SENTINEL if self.encoding == "sentinel" else None

    def randomizer(
        self, form: Form, *, seed: int, num_samples: int, num_votes: int, batch_size: int
    ) -> Randomizer:
        assert self.encoding is not None, "a law is fitted before it draws"
        design = self.design_of(form, seed=seed, num_samples=num_samples)
        computed = form.statistic(self.encoding) if self.encoding in _COMPUTED else None
        return AblationRandomizer(
            unit=form.unit,
            encoder=make_encoder(
                self.encoding,
                shape=form.shape,
                unit=form.unit,
                batch_size=batch_size,
                fill=computed if isinstance(self.fill, str) else self.fill,
                dtype=form.dtype,
                stride=None if design is None else design.stride,
            ),
            seed=seed,
            num_features=form.num_features,
            num_kept=self.kept,
            num_masks=num_votes,
            batch_size=batch_size,
            design=design,
        )

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> Self:
        made = cls(
            num_kept=entries["num_kept"],
            design=None if entries["law"] == IID else entries["law"],
            encoding=entries["encoding"],
            fill=entries["fill"],
        )
        return made.drawn_by(entries["algorithm"])

    def in_words(self) -> str:
        kept = f"e = {self.num_kept}"
        return kept if self.design is None else f"design {self.design}, {kept}"

    def done_in_words(self, unit: str, num_features: int) -> str:
        return f"{unit}s are ablated ({self.num_kept} of {num_features} kept)"

    def draws_in_words(self, num_samples: int) -> str:
        return "masks" if self.design is None else f"{num_samples} published masks"


NOISE = Ablation
