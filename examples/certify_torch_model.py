"""Certify a PyTorch module: which digits stay in its top 3, however r pixels are rewritten?"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import topcert

digits = load_digits()
images = torch.from_numpy(digits.images[:, None] / 16).float()  # (1797, 1, 8, 8), in [0, 1]
labels = torch.from_numpy(digits.target)
train, test = slice(0, 1500), slice(1500, 1520)

# A module of your own goes here. It is shown two channels: the kept pixels x, and 1 - x at the same
# places; a hidden pixel is 0 in both. This one takes the digit whose mean image is nearest to the
# kept pixels, which is a linear function of the two channels.
means = torch.stack([images[train][labels[train] == digit].mean(0) for digit in range(10)])
model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 64, 10, bias=False))
model[1].weight.data = torch.cat([2 * means - means**2, -(means**2)], dim=1).flatten(1)

smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=10))
votes = smoothed.vote(images[test], labels[test], num_samples=1_000, seed=0)
found = votes.certify(k=3, alpha=0.001)
print(found.radii().tolist())  # -1: abstains
print(f"certified top-3 accuracy at r = 2: {found.accuracy().at(2)}")

# It prints:
#
#     [0, 4, 6, 6, 5, 1, 2, 2, 0, 4, 5, 0, 4, 1, -1, 4, 3, 0, 3, 6]
#     certified top-3 accuracy at r = 2: 0.65
