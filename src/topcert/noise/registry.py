"""Every law of noise by name: each file of this folder that has a `NOISE` is one."""

from __future__ import annotations

import importlib
import pkgutil

import topcert.noise
from topcert.noise.law import Noise


def all_noises() -> dict[str, type[Noise]]:
    """Every law by its name, in the order of names."""
    modules = (
        importlib.import_module(f"{topcert.noise.__name__}.{module.name}")
        for module in pkgutil.iter_modules(topcert.noise.__path__)
    )
    found: list[type[Noise]] = [module.NOISE for module in modules if hasattr(module, "NOISE")]
    laws = {law.name: law for law in sorted(found, key=lambda law: law.name)}
    if len(laws) < len(found):
        raise ValueError("two files of topcert.noise hold a law of the same name; rename one")
    return laws


def find_noise(name: str) -> type[Noise]:
    """The law of that name; raises ValueError where there is none."""
    laws = all_noises()
    if name not in laws:
        raise ValueError(f"unknown noise {name!r}; choose one of: {', '.join(laws)}")
    return laws[name]
