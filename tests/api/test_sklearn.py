"""`topcert.sklearn.TopKCertifier` keeps scikit-learn's own rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from topcert.sklearn import TopKCertifier

EXEMPT: dict[str, str] = {}


def small() -> TopKCertifier:
    tree = DecisionTreeClassifier(random_state=0)
    return TopKCertifier(tree, num_kept=0.75, copies=10, num_samples=40)


@pytest.mark.filterwarnings("ignore::Warning")
@parametrize_with_checks([small()], expected_failed_checks=lambda _estimator: EXEMPT)
def test_scikit_learn_accepts_it(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_it_certifies_in_a_pipeline() -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    pipeline = make_pipeline(MinMaxScaler(), TopKCertifier(num_kept=2, copies=5, num_samples=100))
    pipeline.fit(x[::2], names[::2])
    assert pipeline.score(x[1::2], names[1::2]) > 0.8
    certifier, scaled = pipeline[-1], pipeline[0].transform(x[1:41:8])
    found = certifier.certify(scaled, names[1:41:8], k=2, alpha=0.05)
    assert found.unit == "column"
    assert found.accuracy().at(0) > 0.5
    assert certifier.predict_top_k(scaled, k=2).shape == (5, 2)
    shown = certifier.show(scaled[:2], k=2)
    assert len(shown) == 2
    with pytest.raises(ValueError, match="none of the classes of fit"):
        certifier.certify(scaled[:1], ["rose"])
