"""Gaussian noise (Cohen et al. 2019; Jia et al. 2020): N(0, sigma^2) in every value of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, final

from topcert.modalities.input_form import Form
from topcert.noise.image_checks import check_images, check_recorded
from topcert.noise.law import Noise, option
from topcert.randomization import float_noise, grid_noise
from topcert.randomization.randomizer import FloatGaussianNoise, GaussianNoise, Randomizer
from topcert.theory.scalars import real


@final
@dataclass(frozen=True, kw_only=True)
class Gaussian(Noise):
    """Independent normal noise is added to every value of an image in [0, 1].

    It is added in integers on a fine grid, so that rounding tells nothing of the input (Jin,
    Ohrimenko and Rubinstein 2023). Older runs drew and added it in floating point; they can still
    be read, resumed and verified.

    Parameters
    ----------
    sigma
        The standard deviation of the noise in each value, where values lie in [0, 1]; 1e-6 .. 128.
    algorithm
        The name of the stream that draws the noise; None for that of new runs.

    Raises
    ------
    ValueError
        Where sigma is not a number, or out of the range that the stream can draw.

    References
    ----------
    Cohen, Rosenfeld and Kolter, Certified adversarial robustness via randomized smoothing, ICML
    2019; Jia, Cao, Wang and Gong, Certified robustness for top-k predictions, ICLR 2020. The grid:
    docs/theory/gaussian-grid.md.

    Examples
    --------
    >>> import topcert
    >>> topcert.Gaussian(sigma=0.5)
    Gaussian(sigma=0.5)
    >>> topcert.Gaussian(sigma=-1)
    Traceback (most recent call last):
    ValueError: sigma must lie in 1e-06 .. 128, got -1.0
    """

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian noise"
    known: ClassVar[frozenset[str]] = frozenset({grid_noise.ALGORITHM, float_noise.ALGORITHM})
    needs_features: ClassVar[bool] = False  # the law is near enough for the most that any has
    refuses_inputs: ClassVar[bool] = True
    moves: ClassVar[str] = " within [0, 1]"

    sigma: float = field(
        metadata=option(
            "--sigma",
            meaning="the standard deviation of its noise, such as 0.5",
            help_text="Its standard deviation, inputs in [0, 1].",
            kind=float,
            needed=True,
        )
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", real(self.sigma, "sigma"))
        # a run that the older stream began may have more, and goes on with it
        if not float_noise.MIN_SIGMA <= self.sigma <= float_noise.MAX_SIGMA:
            self.check_sigma()

    def check_sigma(self) -> None:
        """Raise ValueError where the stream does not draw such noise."""
        stream = float_noise if self.stream == float_noise.ALGORITHM else grid_noise
        if not stream.MIN_SIGMA <= self.sigma <= stream.MAX_SIGMA:
            raise ValueError(
                f"sigma must lie in {stream.MIN_SIGMA:g} .. {stream.MAX_SIGMA:g}, got {self.sigma}"
            )

    @property
    def own_algorithm(self) -> str:
        return grid_noise.ALGORITHM

    @property
    def algorithms(self) -> frozenset[str]:
        return self.known

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> Self:
        if not isinstance(entries["sigma"], float):
            raise ValueError(f"sigma must be a number such as 0.5, got {entries['sigma']!r}")
        made = super().read(entries)
        made.check_sigma()
        check_recorded(cls.name, entries)
        return made

    def fitted(self, form: Form, *, num_samples: int, num_selection: int = 0) -> Self:
        check_images(self.name, form)
        self.check_sigma()
        return self

    def randomizer(
        self, form: Form, *, seed: int, num_samples: int, num_votes: int, batch_size: int
    ) -> Randomizer:
        self.check_stream()
        made = FloatGaussianNoise if self.stream == float_noise.ALGORITHM else GaussianNoise
        return made(
            shape=form.shape,
            sigma=self.sigma,
            seed=seed,
            num_noises=num_votes,
            batch_size=batch_size,
        )

    def law_error(self, width: int) -> float:
        """By how much the probability of any event differs between the stream and the law.

        Parameters
        ----------
        width
            Values of an input.

        Returns
        -------
        float
            A bound; of the older stream 0, as it is not known and not counted.
        """
        if self.stream not in self.known:
            raise ValueError(
                f"the manifest names the algorithm {self.stream}, whose law this release does"
                f" not know; it has {grid_noise.ALGORITHM} and the older {float_noise.ALGORITHM}"
            )
        self.check_sigma()
        if self.stream == float_noise.ALGORITHM:
            return 0.0
        return grid_noise.law_error(sigma=self.sigma, width=width)

    def in_words(self) -> str:
        return f"Gaussian noise, sigma = {self.sigma:g}"

    def parameter_in_words(self) -> str:
        return f"sigma = {self.sigma:g}"

    @property
    def note(self) -> str | None:
        if self.stream != grid_noise.ALGORITHM:
            return None
        return (
            "Input and noise are whole steps of"
            f" 1/{grid_noise.TOP * grid_noise.steps_of(self.sigma)}: 8-bit values exactly, others"
            " after rounding. l2 radii are between inputs of whole steps."
        )

    @property
    def gap(self) -> str | None:
        if self.stream != float_noise.ALGORITHM:
            return None
        return (
            "this noise was drawn and added in floating point, whose rounding can tell more of the"
            " input than Gaussian noise would; certify again for a promise that covers it"
        )


NOISE = Gaussian
