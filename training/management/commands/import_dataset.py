from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from digitsite.accounts.models import User
from training.ml.data import MnistUnavailable
from training.models import Dataset, DatasetUpload
from training.services.dataset_uploads import Texts, UploadError, import_files
from training.services.datasets import import_mnist

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Import MNIST, from a file or folder if one is named, else from its usual sources; "
        "or with --name any dataset from files: .npz, IDX, a zip of class folders, CSV "
        "(docs/datasets.md)."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "path",
            nargs="*",
            type=Path,
            help="for MNIST: Keras's mnist.npz, or a folder with the four IDX files; "
            "with --name: the files of the dataset",
        )
        parser.add_argument("--name", help="what the dataset is called: it is then not MNIST")
        parser.add_argument("--licence", default="", help="under which terms it may be used")
        parser.add_argument("--source", default="", help="who made it, and where it is from")
        parser.add_argument("--description", default="")
        parser.add_argument(
            "--split",
            choices=DatasetUpload.Split.values,
            default=DatasetUpload.Split.TRAIN,
            help="what all images are for where the files name no splits",
        )
        parser.add_argument("--user", help="whose dataset it is")

    def handle(self, *args, path: list[Path], name: str | None, **options) -> None:
        if name is None:
            self._tell(self._mnist(path))
            return
        user = options["user"]
        owner = None if user is None else User.objects.filter(username=user).first()
        if user is not None and owner is None:
            raise CommandError(f"There is nobody called {user}.")
        texts = {field: options[field] for field in ("licence", "source", "description", "split")}
        try:
            upload = import_files(owner, path, Texts(name=name, **texts))
        except UploadError as error:
            raise CommandError(str(error)) from error
        if not upload.is_new:
            self.stdout.write("This content is a dataset already.")
        self._tell(upload.dataset)
        self._tell_left_out(upload)

    def _mnist(self, path: list[Path]) -> Dataset:
        if len(path) > 1:
            raise CommandError("Name one file or folder for MNIST, or give other data a --name.")
        try:
            return import_mnist(path[0] if path else None)
        except MnistUnavailable as error:
            hint = " Is it another dataset? Then give it a --name." if path else ""
            raise CommandError(f"{error}{hint}") from error

    def _tell(self, dataset: Dataset) -> None:
        self.stdout.write(
            f"{dataset}: {dataset.train_count:,} training and {dataset.test_count:,} test images, "
            f"SHA-256 {dataset.digest}"
        )

    def _tell_left_out(self, upload: DatasetUpload) -> None:
        report = upload.report
        if not report["left_out"]:
            return
        self.stdout.write(f"Left out: {report['left_out']:,} of {report['read']:,}")
        for one in report["first"][:SHOWN]:
            self.stdout.write(f"  {one['file']}, {one['place']}: {one['reason']}")
        if report["left_out"] > SHOWN:
            self.stdout.write(f"  ... and more: the whole list is {upload.report_file.name}")
