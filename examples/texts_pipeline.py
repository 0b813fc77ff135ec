"""Texts in a scikit-learn pipeline: certified against inserted, deleted and replaced words."""

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

import topcert

TOPICS = {
    "cooking": "salt pan oven soup bread taste recipe boil",
    "sailing": "wind mast harbour rope keel anchor storm deck",
    "chess": "pawn queen opening clock endgame check board rook",
    "music": "chord tempo violin rhythm key melody stage song",
}
COMMON = "the a of and to in is that it was with for on as at by this from"


def write_texts(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of 40 to 120 words, two in five of them of their topic."""
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(count):
        topic = list(TOPICS)[number % len(TOPICS)]
        own, common = TOPICS[topic].split(), COMMON.split()
        words = [
            str(generator.choice(own if generator.random() < 0.4 else common))
            for _ in range(generator.integers(40, 121))
        ]
        texts.append(" ".join(words))
        labels.append(topic)
    return texts, labels


# A model of whole texts will do where its scores are sums over words, as those of naive Bayes are.
model = make_pipeline(CountVectorizer(), MultinomialNB())
model.fit(*write_texts(400, seed=0))

texts, labels = write_texts(40, seed=1)
smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=6))
votes = smoothed.vote(texts, labels, num_samples=1_000, progress=False)
found = votes.certify(k=2, alpha=0.001)
print(f"radii in {found.unit}s, {' or '.join(found.moves)}")
three = found.accuracy().at(3)
print(f"one of two shown topics is right, whatever three edits say: {three > 0.8}")
replaced = votes.certify(k=2, alpha=0.001, moves=["rewrite"]).accuracy().at(3)
print(f"of replacements alone as many or more withstand three: {replaced >= three}")

# It prints:
#
#     radii in tokens, insert or delete or rewrite
#     one of two shown topics is right, whatever three edits say: True
#     of replacements alone as many or more withstand three: True
