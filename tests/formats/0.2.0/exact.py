"""A base classifier whose answers are whole numbers: the same on every machine and runtime."""

import numpy as np

_WEIGHTS = np.random.default_rng(0).integers(-9, 10, (2048, 5))


def make():
    def scores(batch):
        steps = np.rint(np.clip(batch.reshape(len(batch), -1), -2, 2) * 64).astype(np.int64)
        return (steps @ _WEIGHTS[: steps.shape[1]]).astype(np.float64)

    return scores
