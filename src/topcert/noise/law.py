"""What a law of noise is: its parameters, its checks, its stream, and what a manifest says of it.

A law is a final frozen dataclass in a file of its own, whose `NOISE` it is. Its fields with an
`option` are what a person chooses, and what a manifest records under the fields' own names.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar, final

from topcert.modalities.input_form import Form
from topcert.randomization.designs import Design
from topcert.randomization.randomizer import Randomizer

IID: Final = "iid"  # the draws of a run are independent of one another


@final
@dataclass(frozen=True, kw_only=True)
class Option:
    """How the command line asks for a field.

    `flag` is its name there, `kind` the type of its value, `meaning` what it is, as errors tell it
    where the field is missing.
    """

    flag: str
    meaning: str
    help: str
    kind: type = str
    needed: bool = False  # whether the law is none without it


def option(
    flag: str, *, meaning: str, help_text: str, kind: type = str, needed: bool = False
) -> Mapping[str, Option]:
    """Metadata of a dataclass field that a person chooses."""
    return {"option": Option(flag=flag, meaning=meaning, help=help_text, kind=kind, needed=needed)}


@dataclass(frozen=True, kw_only=True)
class Noise(ABC):
    """A law of what a classifier is shown of an input, with its parameters.

    `algorithm` is the name of the stream that draws it, None for that of new runs; manifests of
    other releases may name another.
    """

    name: ClassVar[str]  # as manifests, methods and errors call it
    title: ClassVar[str]  # as help does
    # of all streams that this release knows
    known: ClassVar[frozenset[str]]
    # whether each value of a feature has noise of its own, so that radii ask how many it has
    by_value: ClassVar[bool] = True
    # whether radii ask how many features an input has
    needs_features: ClassVar[bool] = True
    # whether a stopping rule may watch its votes
    stops: ClassVar[bool] = False
    # whether there are inputs, of a form that fits, that it has no place for
    refuses_inputs: ClassVar[bool] = False
    # to which values an attacker is bound: the end of "rewrites pixels"
    moves: ClassVar[str] = ""

    algorithm: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """What a person chooses, by the name of the field."""
        return {
            field.name: field.metadata["option"]
            for field in dataclasses.fields(cls)
            if "option" in field.metadata
        }

    @classmethod
    def entries_of(cls) -> tuple[str, ...]:
        """The names of the manifest's entries that are its own."""
        return tuple(name for name in cls.options() if name != "design")

    @classmethod
    def missing(cls, given: Mapping[str, Any]) -> list[str]:
        """The fields that it is no law without, and that `given`, by name, leaves out."""
        return [
            name
            for name, asked in cls.options().items()
            if asked.needed and given.get(name) is None
        ]

    @property
    def law(self) -> str:
        """The name of the design; "iid" where the draws of a run are independent."""
        return IID

    @property
    @abstractmethod
    def own_algorithm(self) -> str:
        """The stream of new runs."""

    @property
    def stream(self) -> str:
        """The stream that draws it, as manifests name it."""
        return self.algorithm or self.own_algorithm

    @property
    def algorithms(self) -> frozenset[str]:
        """The streams of this release that may draw it."""
        return frozenset({self.own_algorithm})

    def check_stream(self) -> None:
        """Raise ValueError where this release cannot draw it."""
        if self.stream not in self.algorithms:
            raise ValueError(
                f"the manifest names the algorithm {self.stream}; this release has"
                f" {self.own_algorithm}"
            )

    def entries(self) -> dict[str, Any]:
        """What a manifest says of its parameters."""
        return {name: getattr(self, name) for name in self.entries_of()}

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> Self:
        """The law of which `entries`, a whole manifest's, speak.

        Their types are sound, those of its own excepted. Raises ValueError where they speak of no
        law, or of one for other inputs.
        """
        cls.refuse_design(entries)
        cls.refuse_missing(entries, *cls.entries_of())
        made = cls(**{name: entries[name] for name in cls.entries_of()})
        return made.drawn_by(entries["algorithm"])

    @classmethod
    def refuse_design(cls, entries: Mapping[str, Any]) -> None:
        """Raise ValueError where a manifest names a design, and the law has none."""
        if entries["law"] != IID:
            raise ValueError(
                f"the design {entries['law']} does not go with {cls.name} noise or a first sample"
            )

    @classmethod
    def refuse_missing(cls, entries: Mapping[str, Any], *names: str) -> None:
        """Raise ValueError where an entry that the law needs is null."""
        for name in names:
            if entries[name] is None:
                raise ValueError(f"{name} is None, which does not go with the noise {cls.name}")

    @final
    def drawn_by(self, algorithm: str) -> Self:
        """The same under that stream."""
        own = algorithm == self.own_algorithm
        return dataclasses.replace(self, algorithm=None if own else algorithm)

    def resuming(self, recorded: Noise) -> Self:
        """The same by the stream of a recorded run, where that is one which may draw it."""
        same = type(recorded) is type(self) and recorded.stream in self.algorithms
        return self.drawn_by(recorded.stream) if same else self

    def suited(self, model: str, encoding: str | None) -> Self:
        """The law for a model that was trained on that encoding of masks; None where it says none.

        Raises ValueError where another one is asked for.
        """
        return self

    @abstractmethod
    def fitted(self, form: Form, *, num_samples: int, num_selection: int = 0) -> Self:
        """The law for inputs of that form, with every choice made that was left open.

        `num_samples` draws certify, after `num_selection` of a first sample. Raises ValueError,
        naming the value and the fix, where the inputs have no place for it.
        """

    @abstractmethod
    def randomizer(
        self, form: Form, *, seed: int, num_samples: int, num_votes: int, batch_size: int
    ) -> Randomizer:
        """What makes batches of the draws of `seed`; of a law that is `fitted`.

        A design is one of `num_samples` masks; `num_votes` draws are asked for.
        """

    def design_of(self, form: Form, *, seed: int, num_samples: int) -> Design | None:
        """The design whose first `num_samples` masks are the classifier; None for an iid law.

        Raises ValueError where inputs of that form have none.
        """
        return None

    def why_places_matter(self, num_features: int) -> str | None:
        """Why a certificate holds only where answers do not depend on the place in the batch
        (docs/theory.md); None where they may.
        """
        return None

    def law_error(self, width: int) -> float:
        """By how much, at most, the probability of any event differs between the stream and the
        law, for inputs of `width` values.
        """
        return 0.0

    @abstractmethod
    def in_words(self) -> str:
        """The law with its parameters, as in a title."""

    @abstractmethod
    def parameter_in_words(self) -> str:
        """The parameter that decides what can be certified, such as "e = 50"."""

    def done_in_words(self, unit: str, num_features: int, *, at_most: bool = False) -> str:
        """What is done to an input of `num_features` units (or `at_most` so many): the end of "the
        array whose".
        """
        return f"values get {self.in_words()}"

    def draws_in_words(self, num_samples: int) -> str:
        """Over what a label stays in the top k, in a run of `num_samples` draws."""
        return "noise"

    @property
    def stand_in(self) -> float | None:
        """The number among the values of columns that stands for a hidden one, or None."""
        return None

    @property
    def note(self) -> str | None:
        """What a person should know of how it is drawn, or None."""
        return None

    @property
    def gap(self) -> str | None:
        """What certificates of such votes leave out, or None."""
        return None


Law = TypeVar("Law", bound=Noise)


def of_law(noise: Noise, law: type[Law]) -> Law:
    """The noise, as one of that law. Raises ValueError where it is of another."""
    if not isinstance(noise, law):
        raise ValueError(f"this asks for the noise {law.name}, and the noise is {noise.name}")
    return noise
