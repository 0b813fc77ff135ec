"""What a network is shown while it is trained, and the noise that this means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from topcert.api.arguments import check_fields
from topcert.noise.gaussian import Gaussian
from topcert.randomization.designs import kind_of, make_design
from topcert.randomization.lattices import read_strides, stride_of

if TYPE_CHECKING:
    from topcert.training.noise import Noise

PIXELS: Final = 32 * 32  # of an image of CIFAR-10
NOISE_OPTIONS: Final = {
    "ablation": "--keep",
    "gaussian": "--sigma",
    "discrete": "--keep-probability",
    "interval": "--radius",
}


@final
@dataclass(frozen=True, kw_only=True)
class TrainingNoise:
    """What a network is shown of its training inputs.

    Parameters
    ----------
    law
        "ablation", "gaussian" or "discrete", as its certificate will draw; "interval" for the
        method chiang.
    num_kept
        Of "ablation", how many features each mask keeps (e); 50 pixels or 16 points.
    num_kept_at_first
        Of "ablation" of images, how many at first; `num_kept` from three fifths of the steps on.
    design, num_masks
        Of "ablation" of images, train on these published masks, and on how many of them.
    sigma
        Of "gaussian", the standard deviation of the noise, values in [0, 1].
    keep_probability
        Of "discrete", the chance that a value stays.
    radius
        Of "interval", how many pixels may change in the worst case.

    Examples
    --------
    >>> import topcert
    >>> topcert.TrainingNoise(num_kept=20).law
    'ablation'
    """

    law: str = "ablation"
    num_kept: int | None = None
    num_kept_at_first: int | None = None
    design: str | None = None
    num_masks: int | None = None
    sigma: float | None = None
    keep_probability: float | None = None
    radius: int | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            whole=("num_kept", "num_kept_at_first", "num_masks", "radius"),
            real=("sigma", "keep_probability"),
            texts=("law", "design"),
        )


def training_noise(shown: TrainingNoise, *, network: str, points: bool, seed: int) -> Noise:
    """What `network` is trained on, of images or `points`; `seed` is that of a design's masks.

    Raises ValueError, naming the option, where options do not go together or lie out of range.
    """
    drawn = _of_options(shown, points=points)
    if network == "lattice" and not points:
        return _gridded(drawn, shown.design, masks=shown.num_masks, keep=shown.num_kept)
    if network == "whole" and not points:
        drawn = _unhidden(drawn, shown.num_kept)
    return _designed(drawn, shown.design, masks=shown.num_masks, seed=seed)


def checked_at_first(keep_at_first: int, drawn: Noise) -> int:
    """`--keep-at-first`; raises ValueError where `drawn` has no such number, or less is kept."""
    from topcert.training.noise import AblationNoise

    if not isinstance(drawn, AblationNoise):
        raise ValueError(
            "--keep-at-first is for the pixels of images under --noise ablation without --design;"
            " leave it out"
        )
    if not drawn.num_kept <= keep_at_first <= PIXELS:
        raise ValueError(
            f"--keep-at-first must lie in --keep .. all, {drawn.num_kept} .. {PIXELS} pixels; got"
            f" {keep_at_first}"
        )
    return keep_at_first


def _of_options(shown: TrainingNoise, *, points: bool) -> Noise:
    """The noise that the options name; refuses those that belong to another noise."""
    from topcert.training.interval import IntervalNoise
    from topcert.training.noise import AblationNoise, DiscreteNoise, GaussianNoise
    from topcert.training.points import PointNoise

    name, keep, sigma = shown.law, shown.num_kept, shown.sigma
    keep_probability, radius = shown.keep_probability, shown.radius
    if name not in NOISE_OPTIONS:
        raise ValueError(f"unknown --noise {name!r}; choose one of: {', '.join(NOISE_OPTIONS)}")
    given = {
        "--keep": keep,
        "--sigma": sigma,
        "--keep-probability": keep_probability,
        "--radius": radius,
    }
    own = NOISE_OPTIONS[name]
    foreign = [option for option, value in given.items() if value is not None and option != own]
    if foreign:
        raise ValueError(
            f"{foreign[0]} is not an option of --noise {name}, which takes {own}; leave it out"
        )
    if points and name != "ablation":
        raise ValueError(
            f"sets of points are trained under --noise ablation alone, not {name}; leave"
            " --noise out"
        )
    if name == "ablation":
        most, what, usual = (
            (2048, "the points of a set", 16) if points else (PIXELS, "the pixels of an image", 50)
        )
        kept = usual if keep is None else keep
        if not 1 <= kept <= most:
            raise ValueError(f"--keep must lie in 1 .. {most}, {what}; got {kept}")
        return PointNoise(num_kept=kept) if points else AblationNoise(num_kept=kept)
    if sigma is not None:
        Gaussian(sigma=sigma).check_sigma()
        return GaussianNoise(sigma=sigma)
    if keep_probability is not None:
        if not 0 < keep_probability < 1:
            raise ValueError(
                f"--keep-probability must lie strictly between 0 and 1, got {keep_probability}"
            )
        return DiscreteNoise(keep_probability=keep_probability)
    if radius is not None:
        if not 1 <= radius <= PIXELS:
            raise ValueError(
                f"--radius must lie in 1 .. {PIXELS}, the pixels of an image; got {radius}"
            )
        return IntervalNoise(radius=radius)
    raise ValueError(f"--noise {name} needs {own}")


def _designed(drawn: Noise, design: str | None, *, masks: int | None, seed: int) -> Noise:
    """The noise on the masks of a design, where one is named."""
    from topcert.training.noise import AblationNoise, DesignNoise

    if design is None:
        if masks is not None:
            raise ValueError("--masks belongs to --design; name one, or leave it out")
        return drawn
    if not isinstance(drawn, AblationNoise):
        raise ValueError(
            "--design is for the pixels of images under --noise ablation; leave it out"
        )
    if masks is None:
        raise ValueError(
            "--design needs --masks, the number of masks that certify will be given as --samples"
        )
    made = make_design(
        design,
        shape=(32, 32, 3),
        unit="pixel",
        seed=seed,
        num_features=PIXELS,
        num_kept=drawn.num_kept if kind_of(design) == design else None,
        num_masks=masks,
    )
    made.check_count(masks, "--masks")
    return DesignNoise(design=made, num_masks=masks)


def _gridded(drawn: Noise, design: str | None, *, masks: int | None, keep: int | None) -> Noise:
    """The grids of a design, or those that keep no more pixels than `drawn` does, for the network
    that looks at them.
    """
    from topcert.training.noise import AblationNoise, LatticeNoise, LatticesNoise

    if not isinstance(drawn, AblationNoise):
        raise ValueError(
            f"lattice looks at grids of kept pixels, and {drawn.law} noise hides none; train small"
            " instead"
        )
    if design is None:
        if masks is not None:
            raise ValueError("--masks belongs to --design; name one, or leave it out")
        return LatticeNoise(stride=stride_of((32, 32), drawn.num_kept))
    found = [read_strides(name) for name in design.split(",")]
    strides = tuple((one.rows, one.columns) for one in found if one is not None and one.level)
    if len(strides) < len(found):
        raise ValueError(
            "the network lattice looks at grids: --design lattice:5x4, or several (,); got"
            f" {design}"
        )
    if keep is not None:
        raise ValueError(
            f"--keep is {keep}, and the strides of {design} decide what is kept; leave --keep out"
        )
    rounds = 1
    for name, (rows, columns) in zip(design.split(","), strides, strict=True):
        wanted = rows * columns if masks is None else masks
        made = make_design(
            name,
            shape=(32, 32, 3),
            unit="pixel",
            seed=0,
            num_features=PIXELS,
            num_kept=None,
            num_masks=wanted,
        )
        made.check_count(wanted, "--masks")
        if masks is not None and len(strides) > 1:
            raise ValueError(
                "--masks is for one --design; several strides have one round each: leave"
                " --masks out"
            )
        rounds = made.rounds
    if len(strides) == 1 and rounds == 1:
        return LatticeNoise(stride=strides[0])
    return LatticesNoise(strides=strides, rounds=rounds)


def _unhidden(drawn: Noise, keep: int | None) -> Noise:
    """Whole images, for the network that teaches others."""
    from topcert.training.noise import NoNoise

    if drawn.law != "ablation" or keep is not None:
        raise ValueError(
            "whole sees whole images, to teach other networks; leave --noise and its options out"
        )
    return NoNoise()
