"""Compare two theorems on the same votes, and two choices of e, in one table."""

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


runs, names = [], []
for num_kept in (10, 16):
    smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=num_kept))
    votes = smoothed.vote(x[1500:1540], y[1500:1540], num_samples=1_000, seed=0)
    for method in ("ablation", "located"):
        runs.append(votes.certify(method, k=3, alpha=0.001))
        names.append(f"{method}, e = {num_kept}")

both = topcert.compare(runs, names)
for name in names:
    print(f"{name}: " + " ".join(f"{both.at(radius, name=name):.3f}" for radius in range(5)))
print(both.save("compared.md").name)  # or .csv, .tex, .png, .svg, .pdf

# It prints:
#
#     ablation, e = 10: 0.925 0.750 0.575 0.475 0.400
#     located, e = 10: 0.925 0.750 0.700 0.500 0.475
#     ablation, e = 16: 0.925 0.750 0.625 0.475 0.200
#     located, e = 16: 0.925 0.750 0.650 0.475 0.275
#     compared.md
