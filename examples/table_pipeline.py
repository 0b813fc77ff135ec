"""A table in a scikit-learn pipeline: certified against an attacker who rewrites columns."""

from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from topcert.sklearn import TopKCertifier

x, y = load_wine(return_X_y=True)  # 178 wines, 13 columns, 3 classes; a DataFrame works as well
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=40, random_state=0, stratify=y)

# The scaler works column by column, so one rewritten column of the raw row is one of the scaled
# row. Whatever mixes columns (PCA, say) belongs into `estimator`.
forest = RandomForestClassifier(20, random_state=0)
certifier = TopKCertifier(forest, num_kept=4, num_samples=500, seed=0)
pipeline = make_pipeline(MinMaxScaler(clip=True), certifier)
pipeline.fit(x_train, y_train)
print(f"right more often than not: {pipeline.score(x_test, y_test) > 0.5}")

scaler, fitted = pipeline[:-1], pipeline[-1]
found = fitted.certify(scaler.transform(x_test), y_test, k=2, alpha=0.001)
at = found.accuracy().at
print(f"one of two shown wines is right, whatever one column says: {at(1) > 0.5}")
print(f"radii in {found.unit}s, {len(found)} certificates")

# It prints:
#
#     right more often than not: True
#     one of two shown wines is right, whatever one column says: True
#     radii in columns, 40 certificates
