"""Randomized ablation (Levine and Feizi 2020; Jia et al. 2022): all but a few features are hidden.

Masks are uniformly random sets of so many features, each independent of the others, or those of a
design, which are then the classifier (docs/theory/designs.md).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, final

from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.input_form import Form, fingerprint_fill
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import (
    all_encodings,
    plural_of,
)
from topcert.noise.ablation_entries import FINGERPRINT, check_design, check_encoding, known_encoding
from topcert.noise.law import IID, Noise, option
from topcert.randomization import designs, lattices, masks
from topcert.randomization.designs import Design, make_design
from topcert.randomization.mask_streams import STREAMS, usual_stream
from topcert.randomization.randomizer import Masking, MaskingAnyLength, Randomizer
from topcert.theory.certified_radius import uses_quanta
from topcert.theory.counting import check_counts
from topcert.theory.scalars import real, text, whole_number


@final
@dataclass(frozen=True, kw_only=True)
class Ablation(Noise):
    """Each copy of an input keeps `num_kept` features; a classifier is shown NULL for the others.

    Parameters
    ----------
    num_kept
        How many features each mask keeps (e of the paper). A lattice with strides of its own
        (`lattice:AxB`, `lattice:p=P`) decides it, so it may be left out there.
    design
        How the masks of a design are made: "partitions", "stratified", "lattice", "lattice:AxB",
        "lattice:p=P" or "random"; None for independent masks, as in the paper.
    encoding
        How hidden features are shown: "six-channel", "constant", "mean", "median", "infill",
        "sentinel", "keep-only" or "lattice"; None for the usual one of such inputs.
    fill
        The number that stands for a hidden value in "constant" (by default the middle of the range
        of values) and "sentinel" (by default -1). In "mean" and "median" a manifest has the SHA-256
        of the array of hidden values here.
    algorithm
        The name of the stream that draws the masks; None for that of new runs.

    Raises
    ------
    ValueError
        Where a number is out of range, a name is unknown, or two arguments contradict each other.

    References
    ----------
    Levine and Feizi, Robustness certificates for sparse adversarial attacks by randomized ablation,
    AAAI 2020; Jia et al., ICLR 2022, Section 2. Designs: docs/theory/designs.md.

    Examples
    --------
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
        {*STREAMS, *designs.ALGORITHMS.values(), lattices.ALGORITHM}
    )
    by_value: ClassVar[bool] = False
    stops: ClassVar[bool] = True

    num_kept: int | None = field(
        default=None,
        metadata=option(
            "--keep",
            meaning="how many features each mask keeps (e)",
            help_text="Features that each mask keeps (e).",
            kind=int,
            needed=True,
        ),
    )
    design: str | None = field(
        default=None,
        metadata=option(
            "--design",
            meaning="how the masks of a design are made",
            help_text=(
                "How masks of a design are made: partitions, random; of pixels stratified,"
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
                "{encodings}; by default what the network was trained on, or suits the data."
            ),
        ),
    )
    fill: float | str | None = field(
        default=None,
        metadata=option(
            "--fill",
            meaning="the value of NULL",
            help_text="The value of NULL in constant (0.5) and sentinel (-1).",
            kind=float,
        ),
    )

    def __post_init__(self) -> None:
        if self.num_kept is not None:
            object.__setattr__(self, "num_kept", whole_number(self.num_kept, "num_kept"))
            if self.num_kept < 1:
                raise ValueError(f"num_kept must be at least 1, got {self.num_kept}")
        if self.design is not None:
            text(self.design, "design", such_as="partitions")
        strided = self.design is not None and designs.kind_of(self.design) != self.design
        if self.num_kept is None and not strided:
            raise ValueError("num_kept must be given: how many features each mask keeps (e)")
        if self.encoding is not None:
            known_encoding(self.encoding)
        self._check_fill()

    def _check_fill(self) -> None:
        """A number belongs to an encoding that has one, a digest to one that computes NULL."""
        if self.fill is None:
            return
        if isinstance(self.fill, str):
            computed = (
                self.encoding is not None and known_encoding(self.encoding).null == "statistic"
            )
            if not computed or not FINGERPRINT.fullmatch(self.fill):
                raise ValueError(f"fill must be a finite number, got {self.fill!r}")
            return
        if not math.isfinite(real(self.fill, "fill")):
            raise ValueError(f"fill must be a finite number, got {self.fill}")
        if self.encoding is not None and known_encoding(self.encoding).null != "number":
            raise ValueError(
                f"fill is for the encodings {_numbered()}, not {self.encoding}; leave it out"
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

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(STREAMS if self.design is None else {self.own_algorithm})

    def resuming(self, recorded: Noise) -> Self:
        same = isinstance(recorded, Ablation) and recorded.stream in self.algorithms
        # said even where it is the own one: it is not to be chosen again by what is kept
        return dataclasses.replace(self, algorithm=recorded.stream) if same else self

    @classmethod
    def missing(cls, given: Mapping[str, Any]) -> list[str]:
        design = given.get("design")
        if design is not None and designs.kind_of(design) != design:
            return []  # its strides say what it keeps
        return super().missing(given)

    def design_of(self, form: Form, *, seed: int, num_samples: int) -> Design | None:
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

    def suited(self, model: str, encoding: str | None) -> Self:
        if self.encoding is None:
            return dataclasses.replace(self, encoding=encoding)
        if encoding not in (None, self.encoding):
            raise ValueError(
                f"--encoding is {self.encoding}, and {model} was trained on the encoding"
                f" {encoding}; leave --encoding out"
            )
        return self

    def fitted(self, form: Form, *, num_samples: int, num_selection: int = 0) -> Self:
        if self.design is not None and num_selection:
            raise ValueError(
                "a first sample (--selection, --label selected) draws masks beside the design"
                f" {self.design}; leave it out"
            )
        attacker = form.modality.attacker
        if self.design is not None and not attacker.rewrites_alone:
            raise ValueError(
                f"--design {self.design} publishes masks of {form.num_features} {form.units}, and"
                f" an attacker {attacker.in_words(form.units)}: they would be none of the changed"
                " input; leave --design out"
            )
        self._check_strides(form, num_samples=num_samples)
        if not 1 <= (self.num_kept or 1) <= form.num_features:
            raise ValueError(
                f"--keep must lie in 1 .. {form.num_features}, the {form.units} of an input; got"
                f" {self.num_kept}"
            )
        made = self.design_of(form, seed=0, num_samples=num_samples)
        num_kept = self.kept if made is None else made.num_kept
        if made is not None:
            made.check_count(num_samples, "--samples")
        check_counts(form.num_features, num_kept)
        encoding = form.modality.encoding if self.encoding is None else _of(self.encoding, form)
        stream = self.algorithm or self.own_algorithm
        if self.design is None and self.algorithm is None:
            stream = usual_stream(num_features=form.num_features, num_kept=num_kept)
        return dataclasses.replace(
            self, num_kept=num_kept, encoding=encoding.name, fill=self._fill_in(encoding, form)
        ).drawn_by(stream)

    def _check_strides(self, form: Form, *, num_samples: int) -> None:
        """Refuse another number of kept features than the strides of a lattice decide."""
        if self.num_kept is None or self.design is None:
            return
        if designs.kind_of(self.design) == self.design:
            return
        free = dataclasses.replace(self, num_kept=None)
        made = free.design_of(form, seed=0, num_samples=num_samples)
        if made is None or made.num_kept == self.num_kept:
            return
        made.check_count(num_samples, "--samples")
        raise ValueError(
            f"--keep is {self.num_kept}, and the widest mask of {self.design} keeps"
            f" {made.num_kept} of {form.shape[0]} x {form.shape[1]} pixels; leave --keep out, or"
            " say --design lattice, whose stride follows from it"
        )

    def _fill_in(self, encoding: Encoding, form: Form) -> float | str | None:
        """What stands for NULL, as a manifest records it."""
        if encoding.null == "statistic":
            return fingerprint_fill(form.statistic(encoding.name))
        if self.fill is not None and encoding.null != "number":
            raise ValueError(
                f"--fill is for the encodings {_numbered()}, not {encoding.name}; leave it out"
            )
        return encoding.fill_in(form.value_range) if self.fill is None else self.fill

    def randomizer(
        self, form: Form, *, seed: int, num_samples: int, num_votes: int, batch_size: int
    ) -> Randomizer:
        assert self.encoding is not None, "a law is fitted before it draws"
        design = self.design_of(form, seed=seed, num_samples=num_samples)
        computed = known_encoding(self.encoding).null == "statistic"
        fill = form.statistic(self.encoding) if computed else self.fill
        encoder = make_encoder(
            self.encoding,
            shape=form.shape,
            unit=form.unit,
            batch_size=batch_size,
            fill=None if isinstance(fill, str) else fill,
            dtype=form.dtype,
            stride=None if design is None else design.stride,
        )

        def masking(num_features: int) -> Masking:
            return Masking(
                unit=form.unit,
                encoder=encoder,
                seed=seed,
                num_features=num_features,
                num_kept=self.kept,
                num_masks=num_votes,
                batch_size=batch_size,
                stream=masks.ALGORITHM if design is not None else self.stream,
                design=design,
            )

        if form.any_length:
            return MaskingAnyLength(masking, batch_size=batch_size)
        return masking(form.num_features)

    def why_places_matter(self, num_features: int) -> str | None:
        if self.design is not None or not uses_quanta(num_features, self.kept):
            return None
        return (
            f"with {self.num_kept} of {num_features} features kept, shares of labels are multiples"
            " of one mask's"
        )

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> Self:
        law, num_features = entries["law"], entries["num_features"]
        cls.refuse_missing(entries, "num_kept", "encoding")
        kept = entries["num_kept"]
        if type(kept) is not int or not 1 <= kept <= num_features:
            raise ValueError(
                f"num_kept must lie in 1 .. num_features = {num_features}, got {kept!r}"
            )
        if law != IID:
            check_design(entries)
        check_encoding(entries)
        made = cls(
            num_kept=kept,
            design=None if law == IID else law,
            encoding=entries["encoding"],
            fill=entries["fill"],
        )
        return made.drawn_by(entries["algorithm"])

    def in_words(self) -> str:
        kept = f"e = {self.num_kept}"
        return kept if self.design is None else f"design {self.design}, {kept}"

    def parameter_in_words(self) -> str:
        return f"e = {self.kept:,}"

    def done_in_words(self, unit: str, num_features: int, *, at_most: bool = False) -> str:
        d = f"up to {num_features}" if at_most else str(num_features)
        return f"{plural_of(unit)} are ablated ({self.num_kept} of {d} kept)"

    def draws_in_words(self, num_samples: int) -> str:
        return "masks" if self.design is None else f"{num_samples} published masks"

    @property
    def stand_in(self) -> float | None:
        shown = self.encoding == "sentinel" and isinstance(self.fill, (int, float))
        return float(self.fill) if shown and self.fill is not None else None


def _of(name: str, form: Form) -> Encoding:
    """The same, that of such inputs where they have one."""
    return form.modality.find_encoding(name) or known_encoding(name)


def _numbered() -> str:
    """The encodings in which NULL is a number that a person may choose."""
    return " and ".join(one.name for one in all_encodings().values() if one.null == "number")


NOISE = Ablation
