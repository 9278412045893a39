"""Rows for tests, made the way the site makes them."""

import itertools
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.contrib.auth.models import Group

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from tests.training.ml.synthetic import synthetic_digits
from training import storage
from training.ml import search_space
from training.ml.hyperparameters import Hyperparameters
from training.models import Dataset, EpochMetric, Evaluation, Sweep, TrainingRun
from training.services import evaluations, outcomes, runs
from training.services.claims import Claim, claim_run
from training.services.datasets import add_dataset
from training.services.sweeps import create_sweep

_numbers = itertools.count(1)

# A network of seconds on the synthetic digits.
TINY = Hyperparameters(
    filters=4,
    dense_units=16,
    epochs=3,
    batch_size=32,
    precision="float32",
    validation_share=0.25,
    seed=7,
)
TEST_PASSWORD = "a long test password"


def make_user(role: Role | str | None = Role.RESEARCHER, username: str = "") -> User:
    """A person who can sign in with TEST_PASSWORD; role None is an account without rights."""
    user = User.objects.create_user(username or f"{role}-{next(_numbers)}", password=TEST_PASSWORD)
    if role is not None:
        user.groups.add(Group.objects.get_or_create(name=str(role))[0])
    return user


def make_dataset(seed: int = 0, train: int = 256, test: int = 64, **fields) -> Dataset:
    """A stored dataset of synthetic digits; the same seed gives the same one."""
    values = {"name": "Blocks", "kind": Dataset.Kind.UPLOAD, "source": "made for a test"}
    return add_dataset(synthetic_digits(seed, train, test), **values | fields)


def make_run(owner: User | None = None, dataset: Dataset | None = None, **fields) -> TrainingRun:
    """A queued run of the tiny network. Other fields are set on the row afterwards."""
    run = runs.create_run(
        owner=owner or make_user(),
        dataset=dataset or make_dataset(),
        recipe=fields.pop("recipe", "fast"),
        hyperparameters=fields.pop("hyperparameters", TINY),
        priority=fields.pop("priority", 0),
        note=fields.pop("note", ""),
    )
    if fields:
        TrainingRun.objects.filter(pk=run.pk).update(**fields)
        run.refresh_from_db()
    return run


def make_running_run(worker: str = "test:1", **fields) -> tuple[TrainingRun, Claim]:
    """A claimed run and its claim."""
    run = make_run(**fields)
    claim = claim_run(run.pk, worker)
    assert claim is not None
    run.refresh_from_db()
    return run, claim


def record_epochs(claim: Claim, count: int) -> None:
    """Finish `count` epochs of a claimed run, with a curve that looks like one."""
    for epoch in range(count):
        outcomes.epoch_recorded(
            claim,
            EpochMetric(
                run_id=claim.run_id,
                fence=claim.fence,
                epoch=epoch,
                train_loss=0.5 / (epoch + 1),
                train_accuracy=0.9 + 0.01 * epoch,
                val_loss=0.6 / (epoch + 1),
                val_accuracy=0.89 + 0.01 * epoch,
                learning_rate=1e-3,
                seconds=2.0,
            ),
            f"runs/{claim.run_id}/checkpoints/epoch-{epoch + 1:05d}-fence-{claim.fence:06d}.ckpt",
        )


def make_succeeded_run(*, evaluated: bool = False, **fields) -> TrainingRun:
    """A finished run with a real, tiny ONNX model in the storage, and its evaluation row.

    The model reads the synthetic digits right. Receivers of `run_succeeded` have registered it.
    """
    run, claim = make_running_run(**fields)
    record_epochs(claim, run.epochs)
    evaluation = finish_run(claim)
    if evaluated:
        evaluations.evaluate(evaluation.pk)
    run.refresh_from_db()
    return run


def finish_run(claim: Claim) -> Evaluation:
    """Ends a claimed run as a success, with the ONNX file of block_reader_onnx."""
    with tempfile.TemporaryDirectory() as folder:
        artifacts = {}
        for kind, content in (
            ("onnx", block_reader_onnx()),
            ("keras", b"keras " + str(claim.run_id).encode()),
            ("h5", b"h5 " + str(claim.run_id).encode()),
        ):
            path = Path(folder) / f"model.{kind}"
            path.write_bytes(content)
            name = f"runs/{claim.run_id}/{claim.fence}/model.{kind}"
            storage.store(name, path)
            artifacts[kind] = {
                "name": name,
                "sha256": storage.sha256_of(path),
                "bytes": len(content),
            }
    return outcomes.succeeded(
        claim,
        weights_digest=f"{claim.run_id:064x}",
        artifacts=artifacts,
        export_proof={"images": 64}
        | {f"{kind}_label_agreement": 1.0 for kind in ("keras", "h5", "onnx")}
        | {f"{kind}_max_abs_dp": 1e-7 for kind in ("keras", "h5", "onnx")},
    )


@lru_cache(maxsize=1)
def block_reader_onnx() -> bytes:
    """An ONNX file with the contract's input and outputs that reads tests.training.ml.synthetic."""
    from onnx import TensorProto, checker, helper, numpy_helper

    weights = np.zeros((28, 28, 10), np.float32)
    for digit in range(10):
        row, column = divmod(digit, 4)
        weights[2 + row * 8 :, 1 + column * 7 :][:6, :6, digit] = 10 / (255 * 36)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["features"]),
            helper.make_node("Softmax", ["features"], ["probabilities"]),
        ],
        "blocks",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 28, 28])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 10]),
        ],
        [numpy_helper.from_array(weights.reshape(784, 10), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def make_sweep(owner: User | None = None, dataset: Dataset | None = None, **space) -> Sweep:
    """A queued grid sweep of the tiny network, over dropout unless `space` says otherwise."""
    dimensions = search_space.read_space(space or {"dropout": [0, 0.2]}, TINY)
    plan = search_space.plan(TINY, dimensions, method="grid", max_runs=50)
    return create_sweep(
        owner=owner or make_user(),
        dataset=dataset or make_dataset(),
        recipe="fast",
        base=TINY,
        space=dimensions,
        method="grid",
        plan=plan,
        max_runs=50,
    )
