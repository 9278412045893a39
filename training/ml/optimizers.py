"""The optimizers, on TensorFlow's fused kernels: one operation a variable and step.

Imported by `fit` only, because it loads TensorFlow. Every optimizer keeps its state in
`variables`, in a fixed order, so that a checkpoint can hold it.
"""

import tensorflow as tf

from training.ml.digits import CLASSES
from training.ml.hyperparameters import Hyperparameters

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-7
MOMENTUM = 0.9
NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 5


def build_optimizer(hyperparameters: Hyperparameters, variables: list):
    """The optimizer named in the hyperparameters, over TensorFlow variables."""
    if hyperparameters.optimizer == "sgd_nesterov":
        return NesterovSGD(variables, hyperparameters.weight_decay)
    if hyperparameters.optimizer == "muon":
        return Muon(variables, hyperparameters.weight_decay)
    decay = hyperparameters.weight_decay if hyperparameters.optimizer == "adamw" else 0.0
    return AdamW(variables, decay)


def _zeros_like(variables: list) -> list:
    return [tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables]


def _decay(variable, rate, weight_decay: float) -> None:
    # Scales and offsets (one axis) are not pulled to zero.
    if weight_decay and variable.shape.rank > 1:
        variable.assign_sub(variable * (rate * weight_decay))


class AdamW:
    """Adam (Kingma and Ba 2015); with a weight decay, AdamW (Loshchilov and Hutter 2019)."""

    def __init__(self, targets: list, weight_decay: float):
        self.targets = targets
        self.weight_decay = weight_decay
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.means = _zeros_like(targets)
        self.squares = _zeros_like(targets)
        self.variables = [self.step, *self.means, *self.squares]

    def apply(self, gradients: list, rate) -> None:
        """One step at learning rate `rate` (a scalar tensor)."""
        count = tf.cast(self.step.assign_add(1), tf.float32)
        powers = [tf.pow(beta, count) for beta in ADAM_BETAS]
        for target, gradient, mean, square in zip(
            self.targets, gradients, self.means, self.squares, strict=True
        ):
            _decay(target, rate, self.weight_decay)
            tf.raw_ops.ResourceApplyAdam(
                var=target.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=ADAM_BETAS[0],
                beta2=ADAM_BETAS[1],
                epsilon=ADAM_EPSILON,
                grad=gradient,
            )


class NesterovSGD:
    """Gradient descent with Nesterov's momentum and decoupled weight decay."""

    def __init__(self, targets: list, weight_decay: float):
        self.targets = targets
        self.weight_decay = weight_decay
        self.velocities = _zeros_like(targets)
        self.variables = self.velocities

    def apply(self, gradients: list, rate) -> None:
        """One step at learning rate `rate` (a scalar tensor)."""
        for target, gradient, velocity in zip(
            self.targets, gradients, self.velocities, strict=True
        ):
            _decay(target, rate, self.weight_decay)
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=target.handle,
                accum=velocity.handle,
                lr=rate,
                grad=gradient,
                momentum=MOMENTUM,
                use_nesterov=True,
            )


class Muon:
    """Muon (Jordan 2024) for kernels, AdamW for the rest and for the last layer.

    Momentum, then the nearest orthogonal matrix by five Newton-Schulz iterations; kernels are
    taken as matrices (inputs, outputs). The update has the root mean square that Adam's has
    (Liu et al. 2025, arXiv:2502.16982), so both share one learning rate.
    """

    MOMENTUM = 0.95
    ROOT_MEAN_SQUARE = 0.2

    def __init__(self, targets: list, weight_decay: float):
        self.weight_decay = weight_decay
        self.is_kernel = [t.shape.rank > 1 and t.shape[-1] != CLASSES for t in targets]
        self.kernels = [t for t, kernel in zip(targets, self.is_kernel, strict=True) if kernel]
        others = [t for t, kernel in zip(targets, self.is_kernel, strict=True) if not kernel]
        self.momenta = _zeros_like(self.kernels)
        self.adam = AdamW(others, weight_decay)
        self.variables = [*self.momenta, *self.adam.variables]

    def apply(self, gradients: list, rate) -> None:
        """One step at learning rate `rate` (a scalar tensor)."""
        pairs = list(zip(gradients, self.is_kernel, strict=True))
        self.adam.apply([g for g, kernel in pairs if not kernel], rate)
        for target, gradient, momentum in zip(
            self.kernels, [g for g, kernel in pairs if kernel], self.momenta, strict=True
        ):
            new = momentum.assign(momentum * self.MOMENTUM + gradient, read_value=True)
            matrix = tf.reshape(gradient + self.MOMENTUM * new, (-1, gradient.shape[-1]))
            size = self.ROOT_MEAN_SQUARE * max(matrix.shape) ** 0.5
            update = tf.reshape(_orthogonal(matrix), target.shape)
            _decay(target, rate, self.weight_decay)
            target.assign_sub(update * (rate * size))


def _orthogonal(matrix):
    """Nearly the nearest orthogonal matrix: singular values go to about 1, directions stay."""
    wide = matrix.shape[0] < matrix.shape[1]
    x = matrix / (tf.norm(matrix) + 1e-7)
    for a, b, c in NEWTON_SCHULZ:
        gram = tf.matmul(x, x, transpose_a=not wide, transpose_b=wide)
        inner = b * gram + c * tf.matmul(gram, gram)
        x = a * x + (tf.matmul(inner, x) if wide else tf.matmul(x, inner))
    return x
