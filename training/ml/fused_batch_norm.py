"""Batch normalisation as one TensorFlow kernel.

Keras composes it of a dozen operations, which on a CPU costs more than the convolution before it.
Same variables in the same order as `keras.layers.BatchNormalization`, so weights move between both.
Imported by `network` only, because it loads TensorFlow.
"""

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.Layer):
    """Normalises over all but the last axis of (N, C) or (N, H, W, C)."""

    def __init__(self, momentum: float, epsilon: float, **options):
        super().__init__(**options)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = (input_shape[-1],)
        # Without autocast: the kernel takes bfloat16 images with float32 statistics.
        options = {"shape": channels, "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **options)
        self.beta = self.add_weight(name="beta", initializer="zeros", **options)
        options["trainable"] = False
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **options)
        self.moving_variance = self.add_weight(
            name="moving_variance", initializer="ones", **options
        )
        super().build(input_shape)

    def compute_output_spec(self, inputs, training=False):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def call(self, inputs, training=False):
        flat = len(inputs.shape) == 2
        images = tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1])) if flat else inputs
        scale, offset = self.gamma.value, self.beta.value
        if training:
            outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=images,
                scale=scale,
                offset=offset,
                mean=tf.zeros((0,)),
                variance=tf.zeros((0,)),
                epsilon=self.epsilon,
                is_training=True,
            )
            rate = 1.0 - self.momentum
            self.moving_mean.value.assign_sub((self.moving_mean.value - mean) * rate)
            self.moving_variance.value.assign_sub((self.moving_variance.value - variance) * rate)
        else:
            outputs, *_ = tf.raw_ops.FusedBatchNormV3(
                x=images,
                scale=scale,
                offset=offset,
                mean=self.moving_mean.value,
                variance=self.moving_variance.value,
                epsilon=self.epsilon,
                is_training=False,
            )
        return tf.reshape(outputs, (-1, inputs.shape[-1])) if flat else outputs
