import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml.export import export, onnx_probabilities
from training.ml.fit import fit
from training.ml.metrics import evaluate
from training.ml.recipes import RECIPES

pytestmark = pytest.mark.tensorflow


class Silent:
    def on_batch(self, progress) -> None: ...

    def on_epoch(self, result, checkpoint) -> None: ...

    def should_stop(self) -> bool:
        return False


@pytest.mark.parametrize("name", ["fast", "ensemble"])
def test_from_digits_to_an_onnx_file_that_reads_them(tmp_path, name):
    digits = synthetic_digits(train=512, test=100)
    changes = {"epochs": 12, "batch_size": 32, "filters": 4, "shift": 0.0, "ema": 0.0}
    hyperparameters = RECIPES[name].hyperparameters.model_copy(update=changes)
    result = fit(hyperparameters, digits, checkpoint_dir=tmp_path / "c", monitor=Silent())
    exported = export(result.model, digits, tmp_path / "files")
    assert exported.proof.onnx_label_agreement == 1.0
    again = onnx_probabilities(exported.files["onnx"].path, digits.test_images)
    assert (again == exported.probabilities).all()
    assert evaluate(again, digits.test_labels).accuracy > 0.9
