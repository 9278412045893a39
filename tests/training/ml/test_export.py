import hashlib

import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml.hyperparameters import Hyperparameters

pytestmark = pytest.mark.tensorflow

CONFIGURATIONS = [
    Hyperparameters(filters=4, dense_units=16),
    Hyperparameters(architecture="strided", depth=3, filters=4, members=3, dropout=0.3),
    Hyperparameters(architecture="classic", filters=4, batch_norm=False, conv_dropout=0.2),
    Hyperparameters(architecture="deep", depth=6, filters=4, dense_units=0, members=2),
]


def random_model(hyperparameters: Hyperparameters):
    """A network with every weight off its start, normalisation statistics included."""
    from training.ml.network import build_inference

    model = build_inference(hyperparameters)
    rng = np.random.default_rng(3)
    for weight in model.weights:
        factor = rng.uniform(0.7, 1.3, weight.shape)
        offset = 0.0 if weight.path.endswith(("kernel", "variance")) else 0.1
        weight.assign(weight.numpy() * factor + offset * rng.normal(size=weight.shape))
    return model


@pytest.mark.parametrize("hyperparameters", CONFIGURATIONS, ids=lambda hp: hp.architecture)
def test_every_file_agrees_with_the_model(hyperparameters, tmp_path):
    from training.ml.export import export, keras_probabilities

    digits = synthetic_digits(train=4, test=40)
    model = random_model(hyperparameters)
    result = export(model, digits, tmp_path)
    assert set(result.files) == {"keras", "h5", "onnx"}
    for exported in result.files.values():
        content = exported.path.read_bytes()
        assert exported.sha256 == hashlib.sha256(content).hexdigest()
        assert exported.bytes == len(content)
    proof = result.proof
    assert proof.images == 40
    assert proof.keras_max_abs_dp == 0
    assert proof.h5_max_abs_dp == 0
    assert proof.onnx_max_abs_dp < 1e-5
    assert proof.onnx_label_agreement == proof.h5_label_agreement == 1.0
    truth = keras_probabilities(model, digits.test_images)
    assert truth.std(axis=0).max() > 1e-3, "the random model answers every image alike"
    assert result.probabilities == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize(("members", "dense_units", "width"), [(1, 16, 16), (3, 16, 48)])
def test_features_are_the_last_layers_side_by_side(tmp_path, members, dense_units, width):
    import onnxruntime

    from training.ml.onnx_graph import to_onnx

    hp = Hyperparameters(filters=4, dense_units=dense_units, members=members)
    model = random_model(hp)
    graph = to_onnx(model, {"contract": "x"})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    assert session.get_modelmeta().custom_metadata_map == {"contract": "x"}
    images = synthetic_digits(test=5).test_images
    features, probabilities = session.run(["features", "probabilities"], {"images": images})
    assert features.shape == (5, width)
    logits = [
        features[:, i * dense_units :][:, :dense_units] @ layer.kernel.numpy() + layer.bias.numpy()
        for i, layer in enumerate(model.get_layer(f"logits_{i}") for i in range(members))
    ]
    softmax = [np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in logits]
    assert probabilities == pytest.approx(np.mean(softmax, axis=0), abs=1e-5)


def test_the_proof_notices_a_file_that_differs(tmp_path, monkeypatch):
    from training.ml import export, onnx_graph

    digits = synthetic_digits(train=4, test=40)
    model = random_model(CONFIGURATIONS[0])
    other = onnx_graph.to_onnx(random_model(CONFIGURATIONS[0].model_copy()), {})
    for tensor in other.graph.initializer:
        if tensor.name == "logits_0_bias":
            tensor.raw_data = np.arange(10, dtype=np.float32)[::-1].tobytes()
    monkeypatch.setattr(onnx_graph, "to_onnx", lambda model, metadata: other)
    proof = export.export(model, digits, tmp_path).proof
    assert proof.onnx_label_agreement < 1
    assert proof.onnx_max_abs_dp > 0.1


def test_a_layer_the_exporter_does_not_know_is_named():
    import keras

    from training.ml.onnx_graph import UnknownLayer, to_onnx

    images = keras.Input((28, 28), dtype="uint8")
    model = keras.Model(images, keras.layers.UnitNormalization(name="odd")(images))
    with pytest.raises(UnknownLayer, match="odd"):
        to_onnx(model, {})


def test_training_and_inference_forms_give_the_same_answers():
    import tensorflow as tf

    from training.ml.network import build_inference, build_training_members, copy_weights

    hp = Hyperparameters(filters=4, dense_units=16, precision="float32")
    members = build_training_members(hp)
    rng = np.random.default_rng(5)
    for weight in members[0].weights:
        weight.assign(np.abs(rng.normal(0.5, 0.2, weight.shape)))
    inference = build_inference(hp)
    copy_weights(members, inference)
    images = synthetic_digits(test=8).test_images
    logits = members[0](images[..., None].astype(np.float32) / 255, training=False)
    assert tf.nn.softmax(logits).numpy() == pytest.approx(
        inference(images, training=False).numpy(), abs=1e-5
    )
