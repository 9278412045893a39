"""The networks, built from hyperparameters: once for training, once for everything else.

The training form may use the fused batch normalisation and bfloat16; the inference form has stock
Keras layers in float32 only, so that an exported file opens in any Keras. Both have the same layer
names and weights.
"""

from collections.abc import Iterable

import numpy as np

from training.ml import precision
from training.ml.digits import CLASSES, IMAGE_SIZE
from training.ml.hyperparameters import Hyperparameters

BATCH_NORM_MOMENTUM = {"classic": 0.99, "strided": 0.9, "deep": 0.98}
BATCH_NORM_EPSILON = 1e-3


def build_training_members(hyperparameters: Hyperparameters) -> list:
    """One Keras model a member: (N, 28, 28, 1) float32 in [0, 1] -> logits (N, 10) float32."""
    import keras

    models = []
    for member in range(hyperparameters.members):
        keras.utils.set_random_seed(_member_seed(hyperparameters.seed, member))
        images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name=f"pixels_{member}")
        logits, _ = _Layers(hyperparameters, member, for_training=True).connect(images)
        models.append(keras.Model(images, logits, name=f"member_{member}"))
    return models


def build_inference(hyperparameters: Hyperparameters):
    """A Keras model of stock layers: images (N, 28, 28) uint8 -> probabilities (N, 10) float32.

    The members vote by the mean of their probabilities. The layers named features_0, features_1...
    hold what the last layer of each member sees.
    """
    import keras

    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="images")
    pixels = keras.layers.Reshape((IMAGE_SIZE, IMAGE_SIZE, 1), name="channel")(images)
    pixels = keras.layers.Rescaling(1 / 255, name="scale")(pixels)
    votes = []
    for member in range(hyperparameters.members):
        logits, _ = _Layers(hyperparameters, member, for_training=False).connect(pixels)
        # Its factor is set after training, from the temperature.
        logits = keras.layers.Rescaling(1.0, name=f"temperature_{member}")(logits)
        votes.append(keras.layers.Softmax(name=f"vote_{member}")(logits))
    probabilities = (
        keras.layers.Average(name="probabilities")(votes) if len(votes) > 1 else votes[0]
    )
    return keras.Model(images, probabilities, name="digits")


def copy_weights(members: list, inference, values: Iterable[np.ndarray] | None = None) -> None:
    """Set the inference model's weights to the members', or to `values` in the members' order."""
    weights = [weight for model in members for weight in model.weights]
    arrays = iter(weights if values is None else values)
    for model in members:
        for layer in model.layers:
            if layer.weights:
                found = [np.asarray(next(arrays)) for _ in layer.weights]
                inference.get_layer(layer.name).set_weights(found)


def set_temperature(inference, temperature: float) -> None:
    """Divide the logits of every member by `temperature` from now on."""
    for layer in inference.layers:
        if layer.name.startswith("temperature_"):
            layer.scale = 1.0 / temperature


def logits_model(inference):
    """A Keras model: images (N, 28, 28) uint8 -> the members' logits, a list of (N, 10)."""
    import keras

    logits = [layer.output for layer in inference.layers if layer.name.startswith("logits_")]
    return keras.Model(inference.inputs, logits)


def _member_seed(seed: int, member: int) -> int:
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0] >> 1)


class _Layers:
    """Connects the layers of one member to an input."""

    def __init__(self, hyperparameters: Hyperparameters, member: int, *, for_training: bool):
        self.hp = hyperparameters
        self.member = member
        self.for_training = for_training
        half = for_training and precision.resolve(hyperparameters.precision) == "bfloat16"
        self.dtype = "mixed_bfloat16" if half else "float32"

    def connect(self, pixels):
        """(logits, features) for pixels (N, 28, 28, 1)."""
        from keras import layers

        trunk = {"classic": self._classic, "strided": self._strided, "deep": self._deep}
        x = trunk[self.hp.architecture](pixels)
        if self.hp.conv_dropout:
            x = layers.Dropout(self.hp.conv_dropout, name=self._name("conv_dropout"))(x)
        x = layers.Flatten(name=self._name("flatten"), dtype=self.dtype)(x)
        if self.hp.dense_units:
            x = self._dense(x, self.hp.dense_units)
        if self.hp.dropout:
            x = layers.Dropout(self.hp.dropout, name=self._name("dropout"), dtype=self.dtype)(x)
        features = layers.Identity(name=self._name("features"), dtype="float32")(x)
        logits = layers.Dense(CLASSES, name=self._name("logits"), dtype="float32")(features)
        return logits, features

    def _name(self, part: str) -> str:
        return f"{part}_{self.member}"

    def _classic(self, x):
        for block in range(self.hp.depth):
            x = self._conv(x, f"conv{block + 1}", self.hp.filters * 2**block, pool=True)
        return x

    def _strided(self, x):
        filters = self.hp.filters
        x = self._conv(x, "conv1", filters, size=5, strides=2)
        x = self._conv(x, "conv2", filters * 2, pool=True)
        if self.hp.depth == 3:
            x = self._conv(x, "conv3", filters * 4)
        return x

    def _deep(self, x):
        filters = self.hp.filters
        x = self._conv(x, "conv1", filters)
        x = self._conv(x, "conv2", filters * 2, pool=True)
        for block in range(self.hp.depth - 4):
            x = self._conv(x, f"conv{block + 3}", filters * 4)
        x = self._conv(x, f"conv{self.hp.depth - 1}", filters * 8, strides=2, padding="same")
        return self._conv(x, f"conv{self.hp.depth}", filters * 8)

    def _conv(self, x, name, filters, *, size=3, strides=1, padding="valid", pool=False):
        from keras import layers

        # With one channel to read, bfloat16 convolutions take three times as long as float32.
        dtype = "float32" if name == "conv1" else self.dtype
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding=padding,
            use_bias=not self.hp.batch_norm,
            kernel_initializer=self._initializer(),
            name=self._name(name),
            dtype=dtype,
        )(x)
        # Pooling first costs less: a quarter of the values is normalised. The classic keeps the
        # order of the books.
        first = pool and self.hp.architecture != "classic"
        if first:
            x = layers.MaxPooling2D(name=self._name(f"{name}_pool"), dtype=self.dtype)(x)
        x = self._normalised_relu(x, name)
        if pool and not first:
            x = layers.MaxPooling2D(name=self._name(f"{name}_pool"), dtype=self.dtype)(x)
        return x

    def _dense(self, x, units):
        from keras import layers

        x = layers.Dense(
            units,
            use_bias=not self.hp.batch_norm,
            kernel_initializer=self._initializer(),
            name=self._name("dense"),
            dtype=self.dtype,
        )(x)
        return self._normalised_relu(x, "dense")

    def _initializer(self) -> str:
        return "glorot_uniform" if self.hp.architecture == "classic" else "he_normal"

    def _normalised_relu(self, x, name):
        from keras import layers

        if self.hp.batch_norm:
            options = {
                "momentum": BATCH_NORM_MOMENTUM[self.hp.architecture],
                "epsilon": BATCH_NORM_EPSILON,
                "name": self._name(f"{name}_norm"),
                "dtype": self.dtype,
            }
            if self.for_training and self.hp.architecture != "classic":
                from training.ml.fused_batch_norm import FusedBatchNormalization

                x = FusedBatchNormalization(**options)(x)
            else:
                x = layers.BatchNormalization(**options)(x)
        return layers.ReLU(name=self._name(f"{name}_relu"), dtype=self.dtype)(x)
