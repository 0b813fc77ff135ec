"""Executors by the names that the command line has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from topcert.voting.executors.executor import Executor
from topcert.voting.executors.fastest import Fastest
from topcert.voting.executors.in_process import InProcess
from topcert.voting.executors.processes import Processes
from topcert.voting.executors.ray_cluster import Ray, ray_itself

AUTO: Final = "auto"
EXECUTORS: Final = (AUTO, "in-process", "processes", "ray")


def make_executor(
    name: str = AUTO,
    *,
    workers: int | None = None,
    ray: str | None = None,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    resources: Mapping[str, float] | None = None,
) -> Executor:
    """The executor of a name.

    Parameters
    ----------
    name
        "auto" (this process, or processes where these are faster), "in-process", "processes" or
        "ray".
    workers
        How many processes, None for one a core and 8 at most; of Ray None for as many as find a
        place.
    ray
        The address of a Ray cluster.
    num_cpus, num_gpus, resources
        What a worker takes of a node of the cluster; 1 core where nothing is said.

    Returns
    -------
    Executor

    Raises
    ------
    ValueError
        Where there is no such executor, it has no workers or no cluster, or Ray is not installed.

    Examples
    --------
    >>> make_executor("processes", workers=2)
    Processes(workers=2)
    """
    if name not in EXECUTORS:
        raise ValueError(f"--executor must be one of {', '.join(EXECUTORS)}, got {name!r}")
    of_ray = {
        "--ray": ray,
        "--num-cpus": num_cpus,
        "--num-gpus": num_gpus,
        "--resources": resources or None,
    }
    for flag, value in of_ray.items():
        if name != "ray" and value is not None:
            raise ValueError(f"{flag} is for --executor ray, not for {name}; leave it out")
    if name == "ray":
        ray_itself()  # better known before the run is prepared
        return Ray(
            ray,
            workers=workers,
            num_cpus=1 if num_cpus is None else num_cpus,
            num_gpus=0 if num_gpus is None else num_gpus,
            resources=resources,
        )
    if name == "processes":
        return Processes(workers=workers)
    if name == AUTO:
        return Fastest(workers=workers)
    if workers not in (None, 1):
        raise ValueError(
            f"--workers {workers} is for --executor processes or ray, and in-process is one"
            " process; leave it out"
        )
    return InProcess()


def read_resources(text: str | None) -> dict[str, float]:
    """Resources as the command line has them, "NAME=AMOUNT,NAME=AMOUNT".

    Raises ValueError where a part is none.

    >>> read_resources("tpu=1,big=0.5")
    {'tpu': 1.0, 'big': 0.5}
    """
    found = {}
    for part in (text or "").split(",") if text else []:
        name, equals, amount = part.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            equals = ""
        if not equals or not name.strip() or not 0 < found[name.strip()] < 10_000:
            raise ValueError(f"--resources must be NAME=AMOUNT, with commas between, got {text!r}")
    return found
