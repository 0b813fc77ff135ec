"""A training loop of your own: each image of a batch under a mask of its own."""

import torch
from sklearn.datasets import load_digits
from torch import nn

import topcert

digits = load_digits()
images = torch.from_numpy(digits.images[:, None] / 16).float()  # (1797, 1, 8, 8), in [0, 1]
labels = torch.from_numpy(digits.target)
train, test = 1500, slice(1500, 1520)

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
size = 128
for step in range(40):
    chosen = torch.randint(train, (size,))
    # No certificate draws these masks, whatever its seed: they are of a domain of their own.
    shown = topcert.ablate(images[chosen], num_kept=10, seed=0, start=size * step)
    loss = nn.functional.cross_entropy(model(shown), labels[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=10))
votes = smoothed.vote(images[test], labels[test], num_samples=500, seed=0)
at = votes.certify(k=3, alpha=0.001).accuracy().at
print(f"more than half certified in the top 3 at r = 1: {at(1) > 0.5}")

# It prints:
#
#     more than half certified in the top 3 at r = 1: True
