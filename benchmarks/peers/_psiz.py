"""Runner of benchmarks/peers.py: two models from the layers of psiz, point estimates.

    python -P benchmarks/peers/_psiz.py JUDGMENTS.npz OUT.npz three-way|rank

``rank`` takes psiz's own contents, two references of which one is selected, twice a judgment.
``three-way`` is written as psiz's documentation asks one to write models: the strengths of the
three pairs enter its soft rank. Kernel, its constants and early stopping as in psiz's examples;
rate .003, batches of 512, at most 100 epochs, a tenth of the trials held out.

Runs in an environment without twoalike.
"""

import sys
import time
from typing import Any

import keras
import numpy as np
import psiz
import psiz.keras.layers as pk
import tensorflow as tf

PAIRS = ((0, 1), (0, 2), (1, 2))
RATE, BATCH, EPOCHS, PATIENCE = 0.003, 512, 100, 30


class Model(keras.Model):
    """Embedding, exponential kernel and soft rank; what is compared says a subclass."""

    name_of_trials = ""

    def __init__(self, objects: int, dimensions: int) -> None:
        super().__init__()
        constant = keras.initializers.Constant
        self.percept = keras.layers.Embedding(objects + 1, dimensions, mask_zero=True)
        self.proximity = pk.Minkowski(
            rho_initializer=constant(2.0),
            w_initializer=constant(1.0),
            activation=pk.ExponentialSimilarity(
                beta_initializer=constant(10.0),
                tau_initializer=constant(1.0),
                gamma_initializer=constant(0.001),
                trainable=False,
            ),
            trainable=False,
        )
        self.behavior = pk.SoftRank(n_select=1, trainable=False)

    def call(self, inputs: dict[str, Any]) -> Any:
        """Probabilities of the outcomes."""
        places = self.percept(inputs[self.name_of_trials])
        return self.behavior(self.proximity(self.compared(places)))


class Rank(Model):
    """Query with each of two references."""

    name_of_trials = "given2rank1_stimulus_set"

    @staticmethod
    def compared(places: Any) -> list[Any]:
        """Both sides of every comparison."""
        return [places[:, :1], places[:, 1:]]


class ThreeWay(Model):
    """All three pairs of a triplet."""

    name_of_trials = "triplet"

    @staticmethod
    def compared(places: Any) -> list[Any]:
        """Both sides of every comparison."""
        sides = zip(*PAIRS, strict=True)
        return [keras.ops.take(places, list(side), axis=1) for side in sides]


def rank_trials(shown: Any, chosen: Any) -> tf.data.Dataset:
    """Two trials a judgment; the reference that was selected stands first."""
    odd = chosen[:, None]
    first, second, last = np.take_along_axis(shown, (odd + [[1, 2, 0]]) % 3, axis=1).T
    trials = np.stack([[first, second, last], [second, first, last]])  # 2 x 3 x n
    sets = trials.transpose(2, 0, 1).reshape(-1, 3) + 1  # 0 is psiz's mask
    content = psiz.data.Rank(sets, n_select=1)
    outcome = psiz.data.SparseCategorical(np.zeros(len(sets), dtype=int), depth=content.n_outcome)
    return psiz.data.Dataset([content, outcome]).export()


def three_way_trials(shown: Any, chosen: Any) -> tf.data.Dataset:
    """One trial a judgment; pair k leaves out item 2 - k."""
    kept = keras.ops.one_hot(2 - chosen, 3)
    return tf.data.Dataset.from_tensor_slices(({"triplet": shown + 1}, kept))


def fit(model: Model, trials: tf.data.Dataset, held_out: tf.data.Dataset, seed: int) -> None:
    """Fit until the held-out loss has not fallen for a while."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=RATE),
        loss=keras.losses.CategoricalCrossentropy(),
    )
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    model.fit(
        trials.cache().shuffle(len(trials), seed=seed).batch(BATCH),
        validation_data=held_out.cache().batch(BATCH),
        epochs=EPOCHS,
        callbacks=[stop],
        verbose=0,
    )


def main() -> None:
    """Fit; the three-way model predicts as well."""
    judgments, out, kind = sys.argv[1:]
    with np.load(judgments) as told:
        data = dict(told)
    seed, dimensions = int(data["seed"]), int(data["dimensions"])
    keras.utils.set_random_seed(seed)
    chosen, three_way = data["chosen"], kind == "three-way"
    trials = three_way_trials if three_way else rank_trials
    model = (ThreeWay if three_way else Rank)(int(data["objects"]), dimensions)
    held = len(chosen) // 10
    start = time.process_time()
    fit(
        model,
        trials(data["shown"][held:], chosen[held:]),
        trials(data["shown"][:held], chosen[:held]),
        seed,
    )
    answer: dict[str, Any] = {"seconds": time.process_time() - start, "dimensions": dimensions}
    places = np.asarray(model.percept.embeddings)[1:]
    if three_way:
        pairs = model.predict({"triplet": data["test"] + 1}, batch_size=BATCH, verbose=0)
        answer["probabilities"] = pairs[:, [2, 1, 0]]
        answer["similarity"] = -np.linalg.norm(places[:, None] - places[None], axis=-1)
    else:
        answer["embedding"] = places
    np.savez(out, **answer)


if __name__ == "__main__":
    main()
