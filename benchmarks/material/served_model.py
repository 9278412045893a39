"""Puts model files that were trained elsewhere into production on an empty site.

python -m benchmarks.material.served_model FOLDER    measures how alike model.keras and .onnx are
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

IMAGES_COMPARED = 1000


def measured_proof(folder: Path) -> dict[str, float]:
    """What the registry asks for, measured anew on drawn lines. Loads TensorFlow."""
    import keras

    from training.ml.export import keras_probabilities, onnx_probabilities
    from training.ml.preprocess import strokes_to_image

    strokes = np.random.default_rng(0).random((IMAGES_COMPARED, 1, 6, 2))
    images = np.stack([strokes_to_image(drawing.tolist()) for drawing in strokes])
    truth = keras_probabilities(keras.models.load_model(folder / "model.keras"), images)
    got = onnx_probabilities(folder / "model.onnx", images)
    return {
        "images": IMAGES_COMPARED,
        "onnx_label_agreement": float((got.argmax(1) == truth.argmax(1)).mean()),
        "onnx_max_abs_dp": float(np.abs(got - truth).max()),
    }


def promote_files(folder: Path, people: int) -> list[str]:
    """Registers model.keras and model.onnx of `folder` and promotes them; Django is set up.

    Makes the administrator `measurer` and that many people who may draw, and returns a token of
    each of these. Raises RegistrationRefused when the two files are not the same network.
    """
    from django.contrib.auth.models import Group

    from digitsite.accounts.models import User
    from digitsite.accounts.roles import Role
    from digitsite.accounts.tokens import create_token
    from inference.services.promotion import promote

    admin = User.objects.create_superuser("measurer", password="only for the benchmark")
    promote(register_files(folder, admin), by=admin, reason="to be measured")
    group, _ = Group.objects.get_or_create(name=Role.DRAWER)
    tokens = []
    for number in range(people):
        person = User.objects.create_user(f"person-{number}")
        person.groups.add(group)
        tokens.append(create_token(person, "benchmark")[1])
    return tokens


def register_files(folder: Path, owner):
    """The two files as a model version of `owner`'s. Raises RegistrationRefused as above."""
    from training import storage
    from training.ml.data import Digits
    from training.ml.recipes import DEFAULT_RECIPE, RECIPES
    from training.services import outcomes, runs
    from training.services.claims import claim_run
    from training.services.datasets import add_dataset

    labels = np.arange(100, dtype=np.uint8) % 10
    blank = np.zeros((100, 28, 28), np.uint8)
    digits = Digits(blank, labels, blank, labels)
    run = runs.create_run(
        owner=owner,
        dataset=add_dataset(digits, name="Blank", kind="upload", source="for a benchmark"),
        recipe=DEFAULT_RECIPE,
        hyperparameters=RECIPES[DEFAULT_RECIPE].hyperparameters,
    )
    claim = claim_run(run.pk, "benchmark")
    artifacts = {}
    for kind in ("keras", "onnx"):
        path = folder / f"model.{kind}"
        name = f"runs/{run.pk}/{claim.fence}/model.{kind}"
        storage.store(name, path)
        artifacts[kind] = {
            "name": name,
            "sha256": storage.sha256_of(path),
            "bytes": path.stat().st_size,
        }
    command = [sys.executable, "-m", "benchmarks.material.served_model", str(folder)]
    proof = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    outcomes.succeeded(claim, weights_digest="0" * 64, artifacts=artifacts, export_proof=proof)
    run.refresh_from_db()
    return run.model_version


if __name__ == "__main__":
    print(json.dumps(measured_proof(Path(sys.argv[1]))))
