from datetime import timedelta

import numpy as np
import pytest
from django.core.files.storage import InMemoryStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.utils import timezone

from tests.factories import make_dataset, make_succeeded_run, make_user
from tests.training.ml.synthetic import synthetic_digits
from tests.training.ml.uploads import material
from training import wakeups
from training.ml.digits import Digits
from training.models import Dataset, DatasetUpload
from training.services import dataset_uploads, upload_work
from training.services.dataset_uploads import Texts, UploadError
from training.services.datasets import add_dataset, load_digits

pytestmark = pytest.mark.django_db

DIGITS = synthetic_digits(11, train=40, test=12)
ARRAYS = {
    name: getattr(DIGITS, name)
    for name in ("train_images", "train_labels", "test_images", "test_labels")
}
TEXTS = Texts(name="Mine", licence="CC0", source="My desk", description="Forty blocks")


@pytest.fixture(autouse=True)
def woken(monkeypatch) -> list[int]:
    sent: list[int] = []
    monkeypatch.setattr(wakeups, "wake_default", lambda task, pk: sent.append(pk) or True)
    monkeypatch.setattr(wakeups, "waiting", lambda queue: 0)
    return sent


def npz(**arrays) -> SimpleUploadedFile:
    return SimpleUploadedFile("mine.npz", material.npz_bytes(**arrays))


def requested(file=None, texts: Texts = TEXTS, by=None) -> DatasetUpload:
    return dataset_uploads.request_upload(by or make_user(), [file or npz(**ARRAYS)], texts)


def imported(file=None, texts: Texts = TEXTS) -> DatasetUpload:
    upload = requested(file, texts)
    dataset_uploads.import_upload(upload.pk)
    upload.refresh_from_db()
    return upload


def stored_files() -> list[str]:
    folders, files = default_storage.listdir("uploads")
    return files + [
        f for folder in folders for f in default_storage.listdir(f"uploads/{folder}")[1]
    ]


def test_an_upload_becomes_a_dataset_and_its_files_are_removed():
    upload = imported()
    dataset = upload.dataset
    assert (upload.status, upload.error, upload.is_new) == ("done", "", True)
    assert (str(dataset), dataset.kind, dataset.digest) == ("Mine v1", "upload", DIGITS.digest)
    assert (dataset.licence, dataset.source) == ("CC0", "My desk")
    assert dataset.description == "Forty blocks"
    assert dataset.created_by == upload.owner
    assert load_digits(dataset).digest == DIGITS.digest
    assert upload.report["how"] == {"same": 52, "inverted": 0, "redrawn": 0}
    assert dataset.report["import"]["format"] == "npz"
    assert stored_files() == []


def test_a_large_file_is_taken_from_where_the_web_process_put_it():
    content = material.npz_bytes(**ARRAYS)
    file = TemporaryUploadedFile("mine.npz", "application/zip", len(content), None)
    with file:
        file.write(content)
        file.flush()
        upload = requested(file)
    dataset_uploads.import_upload(upload.pk)
    assert Dataset.objects.get().digest == DIGITS.digest


def test_the_worker_is_woken_after_the_commit(woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        upload = requested()
        assert woken == []
    assert woken == [upload.pk]


def test_a_repeated_message_changes_nothing():
    upload = imported()
    dataset_uploads.import_upload(upload.pk)
    again = DatasetUpload.objects.get()
    assert (again.attempt, again.finished_at) == (1, upload.finished_at)
    assert Dataset.objects.count() == 1


def test_the_same_content_is_the_same_dataset_whatever_it_is_called():
    first = imported().dataset
    upload = imported(texts=Texts(name="Another"))
    assert (upload.dataset, upload.is_new, upload.status) == (first, False, "done")
    assert Dataset.objects.count() == 1


def test_another_content_of_the_same_name_is_its_next_version():
    first = imported().dataset
    other = synthetic_digits(12, train=40)
    upload = imported(npz(images=other.train_images, labels=other.train_labels))
    assert str(upload.dataset) == "Mine v2"
    assert list(upload.dataset.parents.all()) == [first]


def test_what_models_are_judged_by_is_left_out_of_training_and_listed():
    judged = make_dataset(seed=1)
    theirs = load_digits(judged)
    images = np.concatenate([DIGITS.train_images, theirs.test_images[:3], DIGITS.test_images[:2]])
    labels = np.concatenate([DIGITS.train_labels, theirs.test_labels[:3], DIGITS.test_labels[:2]])
    upload = imported(npz(**ARRAYS | {"train_images": images, "train_labels": labels}))
    assert upload.dataset.digest == DIGITS.digest
    assert upload.dataset.report["leaks"]["exact"] == 5
    assert [row["place"] for row in upload.report["first"]] == [
        f"train image {index}" for index in range(40, 45)
    ]
    assert {row["reason"] for row in upload.report["first"]} == {upload_work.LEAK}


def test_an_upload_that_is_all_known_for_judging_is_refused():
    theirs = load_digits(make_dataset(seed=1))
    upload = imported(npz(images=theirs.test_images, labels=theirs.test_labels))
    assert upload.status == "failed"
    assert upload.error.startswith("Nothing is left of 64 images")


def test_the_whole_report_is_a_file_and_harms_no_spreadsheet():
    labels = DIGITS.train_labels.copy()
    labels[:7] = 77
    members = material.folders(DIGITS.train_images, DIGITS.train_labels)
    members['=HYPERLINK("x")/1.png'] = b""
    members |= {f"more/{number}.txt": b"" for number in range(150)}
    upload = imported(SimpleUploadedFile("a.zip", material.zip_bytes(members)))
    assert (upload.report["left_out"], len(upload.report["first"])) == (151, 100)
    assert upload.report["kinds"] == [
        {"reason": "expected a folder 0 to 9 directly above the picture", "count": 151}
    ]
    lines = dataset_uploads.left_out(upload).decode().splitlines()
    assert len(lines) == 152
    assert lines[0] == "file,place,reason"
    assert lines[1].startswith("a.zip,\"'=HYPERLINK")


def test_a_refusal_is_told_in_its_own_words():
    upload = imported(SimpleUploadedFile("cats.csv", b"a,b\n1,2\n"))
    assert upload.status == "failed"
    assert upload.error.startswith("cats.csv, line 1: expected 785 columns")
    assert stored_files() == []


def test_what_nobody_foresaw_is_told_and_raised(monkeypatch):
    def broken(*_):
        raise RuntimeError("the moon")

    monkeypatch.setattr(upload_work, "screen", broken)
    upload = requested()
    with pytest.raises(RuntimeError, match="moon"):
        dataset_uploads.import_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.error.startswith("Reading it stopped with an error (RuntimeError).")
    assert not upload.files_stored


def test_who_lost_the_work_writes_nothing(monkeypatch):
    upload = requested()
    make = upload_work.make

    def overtaken(*args):
        DatasetUpload.objects.update(attempt=2)
        return make(*args)

    monkeypatch.setattr(upload_work, "make", overtaken)
    dataset_uploads.import_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.dataset, upload.files_stored) == ("running", None, True)
    assert not Dataset.objects.exists()


def test_a_silent_reader_is_replaced_and_a_third_death_is_the_end(woken):
    upload = requested()
    long_ago = timezone.now() - timedelta(hours=1)
    DatasetUpload.objects.update(status="running", attempt=1, beat_at=long_ago)
    dataset_uploads.look_after(None, timezone.now())
    assert woken[-1] == upload.pk
    dataset_uploads.import_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.attempt) == ("done", 2)

    upload = requested(texts=Texts(name="Next"))
    DatasetUpload.objects.filter(pk=upload.pk).update(status="running", attempt=3, beat_at=long_ago)
    dataset_uploads.import_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.error[:22]) == ("failed", "The worker died 3 time")
    dataset_uploads.look_after(None, timezone.now())
    assert stored_files() == []


def test_the_keeper_wakes_for_what_waits_and_ends_what_broke_off(woken):
    upload = requested()
    dataset_uploads.look_after(None, timezone.now() + timedelta(minutes=1))
    assert woken == [upload.pk]
    DatasetUpload.objects.update(status="receiving")
    dataset_uploads.look_after(None, timezone.now() + timedelta(hours=3))
    upload.refresh_from_db()
    assert upload.error.startswith("The upload broke off")
    assert stored_files() == []


def test_a_full_disk_is_told_to_who_uploads(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset_uploads.storage, "store", full)
    with pytest.raises(UploadError, match="The disk is full"):
        requested()
    assert DatasetUpload.objects.get().status == "failed"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"name": "  "}, "A name has 1 to 60 characters, got 0."),
        ({"name": "x" * 61}, "got 61"),
        ({"name": "a\nb"}, "one line"),
        ({"licence": "x" * 201}, "at most 200 characters, got 201"),
        ({"description": "nul\0"}, "printable text"),
        ({"split": "holdout"}, "There is no split 'holdout'; there are train and test."),
    ],
)
def test_texts_are_checked(texts, said):
    with pytest.raises(UploadError, match=said):
        Texts(**{"name": "Mine"} | texts)


def test_caps_names_and_crowds_are_refused(settings):
    settings.UPLOAD_MAX_BYTES = 1000
    with pytest.raises(UploadError, match="at most 1,000 bytes, got "):
        requested()
    settings.UPLOAD_MAX_BYTES = 10**9
    add_dataset(synthetic_digits(1), name="Taken", kind=Dataset.Kind.MIXED, source="a test")
    with pytest.raises(UploadError, match="another dataset called Taken"):
        requested(texts=Texts(name="Taken"))
    with pytest.raises(UploadError, match="Choose 1 to 8 files, got 0"):
        dataset_uploads.request_upload(make_user(), [], TEXTS)
    person = make_user()
    for _ in range(4):
        requested(by=person)
    with pytest.raises(UploadError, match="4 of your uploads are not finished"):
        requested(by=person)


def test_files_of_this_machine_are_read_here_and_stay(tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(material.npz_bytes(**ARRAYS))
    upload = dataset_uploads.import_files(None, [path], TEXTS)
    assert upload.dataset.digest == DIGITS.digest
    assert path.exists()
    with pytest.raises(UploadError, match="There is no file"):
        dataset_uploads.import_files(None, [tmp_path / "none"], TEXTS)


def test_a_run_on_data_without_a_test_split_is_judged_on_mnist_or_on_what_it_learned():
    digits = Digits(*(ARRAYS[name][:0] if "test" in name else ARRAYS[name] for name in ARRAYS))
    dataset = add_dataset(digits, name="Alone", kind=Dataset.Kind.UPLOAD, source="a test")

    def evaluation():
        return make_succeeded_run(dataset=dataset).evaluations.order_by("pk").first()

    own = evaluation()
    assert (own.dataset, own.split) == (dataset, "train")
    mnist = make_dataset(seed=2, name="MNIST", kind=Dataset.Kind.MNIST)
    other = evaluation()
    assert (other.dataset, other.split) == (mnist, "test")


def test_a_storage_that_is_no_disk_will_do(settings, monkeypatch):
    def no_path(*_):
        raise NotImplementedError

    monkeypatch.setattr(InMemoryStorage, "_relative_path", lambda self, name: name)
    monkeypatch.setattr(InMemoryStorage, "path", no_path)
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = settings.STORAGES | {"default": memory}
    upload = imported()
    assert upload.dataset.digest == DIGITS.digest
    assert not upload.files_stored
    assert not default_storage.exists(upload.files[0]["stored"])
    assert default_storage.exists(f"datasets/{DIGITS.digest}.npz")
