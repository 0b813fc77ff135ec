"""A law as a person asks for it: its own fields, and no other law's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topcert.noise.law import Noise
from topcert.noise.registered_laws import all_noises


def make_noise(law: type[Noise], given: Mapping[str, Any]) -> Noise:
    """The law with what was given of the fields of all laws, by name; None where nothing was.

    Raises ValueError where one that it needs is missing, or one of another law is given.
    """
    own = law.options()
    for name in law.missing(given):
        raise ValueError(f"the noise {law.name} needs {own[name].flag}, {own[name].meaning}")
    for other in all_noises().values():
        for name, asked in other.options().items():
            if name not in own and given.get(name) is not None:
                raise ValueError(
                    f"{asked.flag} belongs to the noise {other.name}, not to {law.name}; leave it"
                    " out"
                )
    return law(**{name: given[name] for name in own if given.get(name) is not None})
