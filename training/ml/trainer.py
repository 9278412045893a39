"""The training step and all the variables it changes. Imported by `fit` only: loads TensorFlow."""

import numpy as np
import tensorflow as tf

from training.ml import augment, network
from training.ml.calibration import fit_temperature
from training.ml.digits import CLASSES, Digits
from training.ml.hyperparameters import Hyperparameters
from training.ml.optimizers import build_optimizer
from training.ml.training_set import split_indices, with_drawn_forms

VALIDATION_BATCH = 500
# Streams of random numbers; `training_set` has others.
_ORDER, _POSES = 2, 3


class Trainer:
    """Members, optimizer, averages; one epoch at a time.

    steps: batches in an epoch (the rest that does not fill a batch is left out; which images that
    is changes every epoch).
    """

    def __init__(self, hyperparameters: Hyperparameters, digits: Digits):
        self.hp = hyperparameters
        kept, aside = split_indices(
            digits.train_images, hyperparameters.validation_share, hyperparameters.seed
        )
        self._validation = (digits.train_images[aside], digits.train_labels[aside])
        images, labels = with_drawn_forms(
            digits.train_images[kept], digits.train_labels[kept], hyperparameters
        )
        self.count = len(labels)
        self.batch = min(hyperparameters.batch_size, self.count)
        self.steps = self.count // self.batch
        self._images = tf.constant(images)
        self._labels = tf.constant(labels.astype(np.int32))

        self.members = network.build_training_members(hyperparameters)
        self._inference = network.build_inference(hyperparameters)
        self._targets = [v.value for model in self.members for v in model.trainable_variables]
        self._weights = [v.value for model in self.members for v in model.weights]
        self._optimizer = build_optimizer(hyperparameters, self._targets)
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        copies = tf.Variable if hyperparameters.ema else (lambda *a, **k: None)
        self._averages = [copies(w, trainable=False) for w in self._weights]
        patient = hyperparameters.early_stopping_patience > 0
        self._best = [w.numpy() for w in self._weights] if patient else []
        self._totals = tf.Variable(tf.zeros(2), trainable=False)
        self._predict = tf.function(lambda images: self._inference(images, training=False))

    # State, in the fixed order of a checkpoint.

    def _variables(self) -> list:
        seeds = [v.value for model in self.members for v in model.non_trainable_variables]
        known = {id(w) for w in self._weights}
        found = [v for v in seeds if id(v) not in known]
        averages = [a for a in self._averages if a is not None]
        return [*self._weights, *found, *averages, *self._optimizer.variables, self._step]

    def state(self) -> list[np.ndarray]:
        """Every array that the next epoch depends on."""
        return [v.numpy() for v in self._variables()] + self._best

    def restore(self, arrays: list[np.ndarray]) -> None:
        """The inverse of `state`."""
        variables = self._variables()
        for variable, array in zip(variables, arrays[: len(variables)], strict=True):
            variable.assign(array)
        self._best = arrays[len(variables) :]

    @property
    def weight_count(self) -> int:
        return len(self._weights)

    def start_from(self, weights: list[np.ndarray]) -> None:
        """Begin with these instead of random ones: weights, their averages, and the best so far."""
        for variable, array in zip(self._weights, weights, strict=True):
            variable.assign(array)
        for average, array in zip(self._averages, weights, strict=True):
            if average is not None:
                average.assign(array)
        if self._best:
            self._best = [np.array(array) for array in weights]

    def remember_best(self) -> None:
        """Keep the weights of this epoch for early stopping."""
        self._best = [np.array(array) for array in self._current()]

    def _current(self) -> list[np.ndarray]:
        averaged = self.hp.ema > 0
        return [v.numpy() for v in (self._averages if averaged else self._weights)]

    def inference_model(self, *, best: bool = False):
        """The float32 Keras model with the averaged weights, or the best epoch's."""
        network.copy_weights(self.members, self._inference, self._best if best else self._current())
        return self._inference

    # Training.

    def begin_epoch(self, epoch: int, rates: np.ndarray) -> None:
        """Draw order and poses of the epoch. rates: (steps,) float32."""
        parts = [self._member_epoch(epoch, member) for member in range(self.hp.members)]
        self._epoch = (*(self._by_step(part) for part in zip(*parts, strict=True)),)
        self._rates = tf.constant(rates)
        self._totals.assign(tf.zeros(2))

    def _member_epoch(self, epoch: int, member: int) -> tuple:
        """The order in which one member sees the images, then the poses to give them."""
        rng = np.random.default_rng([self.hp.seed, _ORDER, epoch, member])
        order = rng.permutation(self.count)[: self.steps * self.batch].astype(np.int32)
        rng = np.random.default_rng([self.hp.seed, _POSES, epoch, member])
        return order, *augment.draw_poses(self.hp, len(order), rng)

    def _by_step(self, parts: tuple):
        """The members' arrays (used images, ...) as a tensor (steps, members x batch, ...)."""
        if parts[0] is None:
            return None
        shape = parts[0].shape[1:]
        cut = [part.reshape(self.steps, self.batch, *shape) for part in parts]
        return tf.constant(cut[0] if len(cut) == 1 else np.concatenate(cut, axis=1))

    def train(self, first: int, count: int) -> tuple[float, float]:
        """Run `count` steps from step `first`; mean loss and accuracy of the epoch so far."""
        self._train(self._epoch, self._rates, tf.constant(first), tf.constant(count))
        seen = (first + count) * self.batch * self.hp.members
        loss, correct = self._totals.numpy()
        return float(loss) / seen, float(correct) / seen

    @tf.function
    def _train(self, epoch, rates, first, count):
        for step in tf.range(first, first + count):
            batch = self._batch(*(part if part is None else part[step] for part in epoch))
            self._one_step(*batch, rates[step])

    def prepare_only(self, first: int, count: int) -> float:
        """Gather and augment as `train` does, without training: to measure what it costs."""
        return float(self._prepare(self._epoch, tf.constant(first), tf.constant(count)))

    @tf.function
    def _prepare(self, epoch, first, count):
        total = tf.constant(0.0)
        for step in tf.range(first, first + count):
            images, _ = self._batch(*(part if part is None else part[step] for part in epoch))
            total += tf.reduce_sum(images)
        return total

    def _batch(self, order, matrices, warps, thickness):
        """(images (members x batch, 28, 28, 1) float32, their digits)."""
        images = tf.gather(self._images, order)
        most = augment.whole_shift(self.hp)
        if most:
            parts = tf.split(images, self.hp.members)
            images = tf.concat([augment.shift_by_place(part, most) for part in parts], 0)
        images = tf.cast(images, tf.float32)[..., None] / 255.0
        images = augment.apply_poses(images, matrices, warps, thickness)
        return images, tf.gather(self._labels, order)

    def _one_step(self, images, truth, rate):
        smoothing = self.hp.label_smoothing
        low = smoothing / CLASSES
        wanted = tf.one_hot(truth, CLASSES, 1.0 - smoothing + low, low)
        with tf.GradientTape() as tape:
            logits = tf.concat(
                [
                    model(part, training=True)
                    for model, part in zip(
                        self.members, tf.split(images, self.hp.members), strict=True
                    )
                ],
                0,
            )
            losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
            # A sum over members: each is trained as if it were alone.
            loss = tf.reduce_sum(losses) / self.batch
        self._optimizer.apply(tape.gradient(loss, self._targets), rate)
        self._average()
        correct = tf.equal(tf.argmax(logits, 1, tf.int32), truth)
        self._totals.assign_add(
            tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(correct, tf.float32))])
        )

    def _average(self) -> None:
        if not self.hp.ema:
            return
        step = tf.cast(self._step.assign_add(1), tf.float32)
        # A short memory at first, or the start would weigh on short runs.
        rate = 1.0 - tf.minimum(self.hp.ema, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign_sub((average - weight) * rate)

    # Validation, always with the model that would be exported.

    def validate(self) -> tuple[float, float] | None:
        """Mean loss and accuracy of the images kept aside; None if there are none."""
        images, labels = self._validation
        if not len(images):
            return None
        self.inference_model()
        probabilities = self._over_validation(self._predict)
        right = probabilities[np.arange(len(labels)), labels]
        loss = -np.log(np.maximum(right, 1e-12)).mean()
        return float(loss), float((probabilities.argmax(1) == labels).mean())

    def _over_validation(self, function) -> np.ndarray:
        images = self._validation[0]
        starts = range(0, len(images), VALIDATION_BATCH)
        parts = [function(tf.constant(images[i : i + VALIDATION_BATCH])).numpy() for i in starts]
        return np.concatenate(parts, axis=-2)

    def calibrate(self) -> float:
        """Set the temperature that suits the images kept aside, and return it."""
        labels = self._validation[1]
        temperature = 1.0
        if len(labels):
            model = network.logits_model(self._inference)
            logits = self._over_validation(
                lambda images: tf.stack(tf.nest.flatten(model(images, training=False)))
            )
            temperature = fit_temperature(logits, labels)
        network.set_temperature(self._inference, temperature)
        return temperature
