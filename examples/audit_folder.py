"""Audit a folder of certificates: recompute them, ask the model again, and find a raised radius."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

import topcert

digits = load_digits()
x, y = digits.images[..., None] / 16, digits.target  # (1797, 8, 8, 1), in [0, 1]
means = np.stack([x[:1500][y[:1500] == digit].mean(0) for digit in range(10)]).reshape(10, 64)
weights = np.concatenate([2 * means - means**2, -(means**2)], axis=1).T  # nearest mean image


def model(batch):
    """Scores `(B, 10)` of ablated images `(B, 2, 8, 8)`."""
    return batch.reshape(len(batch), -1) @ weights


# Somebody makes a folder ...
smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=10))
votes = smoothed.vote(x[1500:1510], y[1500:1510], num_samples=500, seed=0, out="theirs")
votes.certify(k=3).save()

# ... and you check it: the arithmetic, and 100 of the votes with their batches.
found = topcert.verify("theirs", model, data=x[1500:1510], labels=y[1500:1510], replay=100)
print(f"holds: {bool(found)}")

# A radius that does not follow from the votes is found.
table = pq.read_table("theirs/certificates.parquet")
radius = table["radius"].to_pylist()
radius[0] = (radius[0] or 0) + 1
place = table.schema.get_field_index("radius")
table = table.set_column(place, table.schema.field(place), pa.array(radius, pa.int64()))
pq.write_table(table, "theirs/certificates.parquet")
found = topcert.verify("theirs")
print(f"holds: {bool(found)}")
print(found.findings[0])

# It prints:
#
#     holds: True
#     holds: False
#     certificates.parquet, row 0: radius is 1, the votes give 0
