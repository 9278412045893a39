"""From a Keras model of stock layers to an ONNX graph, layer by layer.

Only the layers that `network` uses are known; any other is an error. Imported by `export` only.
The graph is NCHW, ONNX's order, so Keras's kernels and flattened features are turned.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18  # read by ONNX Runtime 1.14 and later


class UnknownLayer(TypeError):
    """The model has a layer that this exporter does not know."""


def to_onnx(model, metadata: dict[str, str]) -> onnx.ModelProto:
    """The Keras model of `network.build_inference` as ONNX.

    Input `images` (N, 28, 28) uint8; outputs `probabilities` (N, 10) float32 and `features`
    (N, D) float32, what the members' last layers see, side by side. Raises UnknownLayer.
    """
    return _Graph(model).build(metadata)


class _Graph:
    def __init__(self, model):
        self.model = model
        self.nodes: list = []
        self.constants: list = []
        self.names: dict[int, str] = {}  # id of a Keras tensor -> its ONNX name
        self.features: list[str] = []
        self.width = 0

    def build(self, metadata: dict[str, str]) -> onnx.ModelProto:
        for operation in self.model.operations:
            self._add(operation)
        answer = self.names[id(self.model.outputs[0])]
        self._node("Identity", [answer], "probabilities")
        self._node("Concat", self.features, "features", axis=1)
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "digits",
            [value("images", TensorProto.UINT8, ["N", 28, 28])],
            [
                value("probabilities", TensorProto.FLOAT, ["N", 10]),
                value("features", TensorProto.FLOAT, ["N", self.width]),
            ],
            self.constants,
        )
        onnx_model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        onnx_model.ir_version = 9
        onnx_model.producer_name = "digitsite"
        helper.set_model_props(onnx_model, metadata)
        onnx.checker.check_model(onnx_model, full_check=True)
        return onnx_model

    def _add(self, operation) -> None:
        kind = type(operation).__name__
        if kind == "InputLayer":
            self.names[id(operation.output)] = "images"
            return
        convert = getattr(self, f"_{kind.lower()}", None)
        if convert is None:
            raise UnknownLayer(f"{kind} {operation.name} has no ONNX form here")
        inputs = operation.input if isinstance(operation.input, list) else [operation.input]
        names = [self.names[id(tensor)] for tensor in inputs]
        self.names[id(operation.output)] = convert(operation, names)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    # One method a layer: (layer, names of its inputs) -> name of its output.

    def _reshape(self, layer, names):
        if layer.output.shape[1:] != (28, 28, 1):
            raise UnknownLayer(f"{layer.name}: only a channel may be added")
        numbers = self._node("Cast", names, f"{layer.name}_float", to=TensorProto.FLOAT)
        axis = self._constant(f"{layer.name}_axis", np.array([1], np.int64))
        return self._node("Unsqueeze", [numbers, axis], layer.name)

    def _rescaling(self, layer, names):
        if layer.offset:
            raise UnknownLayer(f"{layer.name}: a rescaling with an offset")
        factor = self._constant(f"{layer.name}_factor", np.float32(layer.scale))
        return self._node("Mul", [*names, factor], layer.name)

    def _conv2d(self, layer, names):
        kernel = layer.kernel.numpy().transpose(3, 2, 0, 1)
        inputs = [*names, self._constant(f"{layer.name}_kernel", kernel)]
        if layer.use_bias:
            inputs.append(self._constant(f"{layer.name}_bias", layer.bias.numpy()))
        padding = {"valid": "VALID", "same": "SAME_UPPER"}[layer.padding]
        return self._node("Conv", inputs, layer.name, strides=layer.strides, auto_pad=padding)

    def _maxpooling2d(self, layer, names):
        return self._node(
            "MaxPool", names, layer.name, kernel_shape=layer.pool_size, strides=layer.strides
        )

    def _batchnormalization(self, layer, names):
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        constants = [
            self._constant(f"{layer.name}_{part}", getattr(layer, part).numpy()) for part in parts
        ]
        return self._node(
            "BatchNormalization", [*names, *constants], layer.name, epsilon=layer.epsilon
        )

    def _relu(self, layer, names):
        return self._node("Relu", names, layer.name)

    def _dropout(self, layer, names):
        return names[0]

    def _flatten(self, layer, names):
        turned = self._node("Transpose", names, f"{layer.name}_turned", perm=[0, 2, 3, 1])
        return self._node("Flatten", [turned], layer.name)

    def _dense(self, layer, names):
        kernel = self._constant(f"{layer.name}_kernel", layer.kernel.numpy())
        inputs = [*names, kernel]
        if layer.use_bias:
            inputs.append(self._constant(f"{layer.name}_bias", layer.bias.numpy()))
        return self._node("Gemm", inputs, layer.name)

    def _identity(self, layer, names):
        if layer.name.startswith("features"):
            self.features.append(names[0])
            self.width += layer.output.shape[-1]
        return names[0]

    def _softmax(self, layer, names):
        return self._node("Softmax", names, layer.name, axis=1)

    def _average(self, layer, names):
        total = self._node("Sum", names, f"{layer.name}_sum")
        share = self._constant(f"{layer.name}_share", np.float32(1 / len(names)))
        return self._node("Mul", [total, share], f"{layer.name}_mean")
