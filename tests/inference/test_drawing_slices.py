import pytest

from digitsite.accounts.roles import Role
from inference.drawing_slices import drawing_slices
from inference.models import DatasetDrawing
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_drawing, make_share_link, make_version
from training import slice_providers

pytestmark = pytest.mark.django_db


def test_drawings_are_sliced_by_author_and_device_and_other_images_are_not():
    ada = make_user(Role.DRAWER, "ada")
    model, dataset = make_version(), make_dataset(5)
    drawn = [
        make_drawing(author=ada, model=model, device="touch"),
        make_drawing(author=ada, model=model, device="mouse"),
    ]
    for index, drawing in zip((3, 7), drawn, strict=True):
        DatasetDrawing.objects.create(dataset=dataset, drawing=drawing, split="test", index=index)
    guest = make_drawing(share_link=make_share_link(), model=model, device="pen")
    DatasetDrawing.objects.create(dataset=dataset, drawing=guest, split="test", index=9)

    found = drawing_slices(dataset, "test")
    assert {kind: names.shape for kind, names in found.items()} == {
        "Author": (64,),
        "Device": (64,),
    }
    assert found["Author"][[3, 7, 9]].tolist() == ["ada", "ada", "visitor of “Class 4b”"]
    assert found["Device"][[3, 7, 9]].tolist() == ["Finger", "Mouse", "Pen"]
    assert (found["Author"] != "").sum() == (found["Device"] != "").sum() == 3


def test_a_dataset_without_drawings_has_no_such_slices():
    assert drawing_slices(make_dataset(), "train") == {}


def test_the_site_asks_for_them():
    assert drawing_slices in slice_providers._providers.values()
