"""Stop early: ask for each input only as many votes as its answer takes."""

import numpy as np
from sklearn.datasets import load_digits

import topcert

digits = load_digits()
x, y = digits.images[..., None] / 16, digits.target  # (1797, 8, 8, 1), in [0, 1]
means = np.stack([x[:1500][y[:1500] == digit].mean(0) for digit in range(10)]).reshape(10, 64)
weights = np.concatenate([2 * means - means**2, -(means**2)], axis=1).T  # nearest mean image


def model(batch):
    """Scores `(B, 10)` of ablated images `(B, 2, 8, 8)`."""
    return batch.reshape(len(batch), -1) @ weights


smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=10))
rule = topcert.Stopping(question="radius=1", k=3, alpha=0.001)
votes = smoothed.vote(x[1500:1530], y[1500:1530], stop=rule, num_samples=5_000, seed=0)
found = votes.certify()  # at the k, alpha and method of the rule

print(f"radius 1 or more: {(found.radii() >= 1).sum()} of {len(votes)}")
print(f"votes an input: {votes.counts.sum(axis=1).mean():.0f} of up to {votes.num_samples}")

# It prints:
#
#     radius 1 or more: 22 of 30
#     votes an input: 83 of up to 5000
