"""A smoothed classifier as a PyTorch module."""

from __future__ import annotations

from typing import Any, final

try:
    import torch
    from torch import nn
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "topcert.torch needs torch; install it with: pip install 'topcert[torch]'", name="torch"
    ) from error

from topcert.api.arguments import check_noise, check_object
from topcert.api.python_words import python_words
from topcert.datasets.data_in_memory import plain
from topcert.modalities.input_form import Form
from topcert.modalities.registered_modalities import usual_modality
from topcert.noise.law import Noise
from topcert.theory.scalars import whole_number


@final
class Smoothed(nn.Module):
    """A module whose forward gives vote shares `(B, classes)`: how often each class is named.

    The shares are what a certificate speaks of, estimated from `num_samples` draws. They have no
    gradient, and are no certificate: for that hold the module in a `topcert.SmoothedClassifier`.

    Parameters
    ----------
    module
        From noisy inputs, as `noise` shows them, to scores `(B, classes)`.
    noise
        `topcert.Ablation`, `topcert.Gaussian` or `topcert.Discrete`.
    num_samples
        Draws for each input.
    seed
        Names the draws; the same for every input and call.
    unit
        What one feature is; None for pixels, columns or points, by the axes of an input.
    batch_size
        Noisy inputs at a time.

    Raises
    ------
    ValueError
        Where `noise` is no law of noise, or a number is below 1.

    Examples
    --------
    >>> import torch, topcert
    >>> from topcert.torch import Smoothed
    >>> base = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6 * 16, 3))
    >>> smoothed = Smoothed(base, noise=topcert.Ablation(num_kept=4), num_samples=50)
    >>> shares = smoothed(torch.rand(2, 3, 4, 4))
    >>> shares.shape, shares.sum(dim=1).round(decimals=3)
    (torch.Size([2, 3]), tensor([1., 1.]))
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        noise: Noise,
        num_samples: int = 1000,
        seed: int = 0,
        unit: str | None = None,
        batch_size: int = 250,
    ) -> None:
        super().__init__()
        check_noise(noise)
        check_object(module, nn.Module, "module", such_as="a network that you trained")
        self.module = module
        self.noise = noise
        self.num_samples = whole_number(num_samples, "num_samples")
        self.seed = whole_number(seed, "seed")
        self.unit = unit
        self.batch_size = whole_number(batch_size, "batch_size")
        if self.num_samples < 1 or self.batch_size < 1:
            raise ValueError(
                f"num_samples and batch_size must be at least 1, got {num_samples} and {batch_size}"
            )

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The vote shares of a batch; the inner module is asked in evaluation mode.

        Parameters
        ----------
        x
            Images `(B, C, H, W)` in [0, 1], tables `(B, columns)`, or sets of points
            `(B, points, coordinates)`.

        Returns
        -------
        Tensor
            float32 `(B, classes)`; rows sum to 1.

        Raises
        ------
        ValueError
            Where the noise has no place for such inputs.
        """
        with python_words():
            check_object(x, torch.Tensor, "x", such_as="torch.as_tensor(x)")
            modality = usual_modality(x.ndim - 1)
            if modality is None:
                raise ValueError(
                    f"inputs have 1, 2 or 3 axes each, got a batch of {tuple(x.shape)}"
                )
            inputs = modality.from_channels_first(plain(x))
            training = self.module.training
            self.module.eval()
            try:
                unit = self.unit or modality.unit
                return torch.stack([self._shares(one, x.device, unit) for one in inputs])
            finally:
                self.module.train(training)

    def _shares(self, x: Any, device: torch.device, unit: str) -> torch.Tensor:
        form = Form(name="the batch", shape=x.shape, dtype=x.dtype, unit=unit)
        size = min(self.batch_size, self.num_samples)
        drawn = self.noise.fitted(form, num_samples=self.num_samples).randomizer(
            form,
            seed=self.seed,
            num_samples=self.num_samples,
            num_votes=self.num_samples,
            batch_size=size,
        )
        prepared = drawn.prepare(x)
        counts: torch.Tensor | None = None
        for start in range(0, self.num_samples, size):
            shown = torch.from_numpy(drawn.batch(prepared, start).copy()).to(device)
            scores = self.module(shown)[: self.num_samples - start]
            named = scores.argmax(dim=1)
            found = torch.bincount(named, minlength=scores.shape[1])
            counts = found if counts is None else counts + found
        assert counts is not None
        return (counts / self.num_samples).float()
