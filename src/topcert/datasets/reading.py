"""How a person wants data to be read, and how that is recorded, so that anyone can read the same
inputs again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from topcert.datasets.class_order import checked_names
from topcert.datasets.dataset import Dataset
from topcert.datasets.load_dataset import load_dataset
from topcert.datasets.records import Records
from topcert.files import path_of
from topcert.theory.scalars import whole_number

KEPT_IN_A_FOLDER: Final = ("cifar10", "cifar10-held-out", "imagenet", "modelnet40")


@final
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How data is read: which inputs of a set, their range, and how classes are matched.

    Parameters
    ----------
    data_dir
        The folder that a named data set lies in, a path or text; None for where it is downloaded
        to.
    limit, stride
        Take every `stride`-th input, and at most `limit`; None for the usual ones of a named set.
    crop, resize
        Of folders of pictures: resize the shorter side to so many pixels, then cut the central
        square of so many pixels.
    skip_unreadable
        Leave out pictures that cannot be read, instead of an error.
    channels
        "first" or "last", where the shape of images leaves it in doubt.
    value_range
        The lowest and highest value of images; [0, 1] unless given.
    class_names
        What the model calls its classes, in its order.
    unlabelled
        Leave the labels of the data out.
    records
        What a file of records holds, such as texts: `topcert.Records`.
    lowest_label
        No choice, but what was found: the lowest label of the whole set, recorded where it is not
        0.

    Examples
    --------
    >>> import topcert
    >>> digits = topcert.Reading(limit=3).load("digits")
    >>> digits.shape, digits.indices
    ((8, 8, 1), array([ 0,  5, 10]))
    """

    data_dir: Path | None = None
    limit: int | None = None
    stride: int | None = None
    crop: int | None = None
    resize: int | None = None
    skip_unreadable: bool = False
    channels: str | None = None
    value_range: tuple[float, float] | None = None
    class_names: tuple[str, ...] | None = None
    unlabelled: bool = False
    records: Records | None = None
    lowest_label: int | None = None

    def __post_init__(self) -> None:
        if self.data_dir is not None:  # people write paths as text
            object.__setattr__(self, "data_dir", path_of(self.data_dir, "data_dir"))
        for name in ("limit", "stride", "crop", "resize"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(getattr(self, name), name))
        if self.class_names is not None:
            object.__setattr__(self, "class_names", checked_names(self.class_names))

    def load(self, name: str, *, unit: str | None = None) -> Dataset:
        """Read a data set, its classes in the data's own order.

        Parameters
        ----------
        name
            The name of a set, a folder, or an .npz file.
        unit
            "pixel", "feature", "column" or "point"; needed where the shape leaves it in doubt.

        Returns
        -------
        Dataset

        Raises
        ------
        ValueError
            Where nothing of that name can be read as these options say.
        """
        return load_dataset(
            name,
            data_dir=self.data_dir,
            limit=self.limit,
            stride=self.stride,
            crop=self.crop,
            resize=self.resize,
            skip_unreadable=self.skip_unreadable,
            unit=unit,
            channels=self.channels,
            value_range=self.value_range,
            records=self.records,
        )

    def check(self, name: str) -> None:
        """Refuse, before anything is read, what says nothing of such data.

        Parameters
        ----------
        name
            The name of a set, a folder, or a file.

        Raises
        ------
        ValueError
            For the folder of a set beside data that lies where its own name says, or is made.
        """
        if self.data_dir is not None and name not in KEPT_IN_A_FOLDER:
            sets = f"{', '.join(KEPT_IN_A_FOLDER[:-1])} and {KEPT_IN_A_FOLDER[-1]}"
            raise ValueError(
                f"--data-dir {self.data_dir} is for {sets}, and DATA is {name!r}; leave it out"
            )

    def to_json(self) -> dict[str, Any]:
        """What a manifest records: the first four always, the others where they are used."""
        used = {
            "resize": self.resize,
            "skip_unreadable": self.skip_unreadable or None,
            "channels": self.channels,
            "range": None if self.value_range is None else [float(end) for end in self.value_range],
            "class_names": None if self.class_names is None else list(self.class_names),
            "unlabelled": self.unlabelled or None,
            "records": None if self.records is None else self.records.to_json(),
            "lowest_label": self.lowest_label,
        }
        return {
            "data_dir": None if self.data_dir is None else str(self.data_dir.resolve()),
            "limit": self.limit,
            "stride": self.stride,
            "crop": self.crop,
            **{name: value for name, value in used.items() if value is not None},
        }

    @staticmethod
    def from_json(recorded: dict[str, Any]) -> Reading:
        """The reading that a manifest records.

        Parameters
        ----------
        recorded
            What `to_json` gave.

        Returns
        -------
        Reading

        Raises
        ------
        ValueError
            For values of another kind, and entries that `to_json` does not write.
        """
        if unknown := sorted(map(str, recorded.keys() - _KINDS.keys())):
            raise ValueError(f"data_options are damaged: no run writes the entry {unknown[0]!r}")
        for name, kind in _KINDS.items():
            value = recorded.get(name)
            if value is not None and (
                not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)
            ):
                raise ValueError(f"data_options are damaged: {name} cannot be {value!r}")
        ends, names, folder = (recorded.get(name) for name in ("range", "class_names", "data_dir"))
        if ends is not None and (
            len(ends) != 2 or not all(type(end) in (int, float) for end in ends)
        ):
            raise ValueError(f"data_options are damaged: range cannot be {ends!r}")
        if names is not None and not all(isinstance(name, str) for name in names):
            raise ValueError(f"data_options are damaged: class_names cannot be {names!r}")
        return Reading(
            data_dir=None if folder is None else Path(folder),
            limit=recorded.get("limit"),
            stride=recorded.get("stride"),
            crop=recorded.get("crop"),
            resize=recorded.get("resize"),
            skip_unreadable=bool(recorded.get("skip_unreadable")),
            channels=recorded.get("channels"),
            value_range=None if ends is None else (float(ends[0]), float(ends[1])),
            class_names=None if names is None else tuple(names),
            unlabelled=bool(recorded.get("unlabelled")),
            records=Records.from_json(recorded.get("records")),
            lowest_label=recorded.get("lowest_label"),
        )


_KINDS: Final[dict[str, type]] = {
    "data_dir": str,
    "limit": int,
    "stride": int,
    "crop": int,
    "resize": int,
    "skip_unreadable": bool,
    "channels": str,
    "range": list,
    "class_names": list,
    "unlabelled": bool,
    "records": dict,
    "lowest_label": int,
}
