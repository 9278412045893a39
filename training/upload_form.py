"""The form with which people upload a dataset, and what it says about formats and caps."""

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from training.models import DatasetUpload
from training.services.upload_texts import DESCRIPTION_MAX, LICENCE_MAX, NAME_MAX, SOURCE_MAX


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """A list of uploaded files."""

    widget = _SeveralFiles

    def clean(self, data, initial=None) -> list:
        files = data if isinstance(data, list | tuple) and data else [data or None]
        return [super(FilesField, self).clean(file, initial) for file in files]


class UploadForm(forms.Form):
    files = FilesField(
        label="File",
        max_length=200,
        error_messages={"required": "Choose a file.", "empty": "This file is empty."},
    )
    name = forms.CharField(
        max_length=NAME_MAX, help_text="A name that is there already gets its next version."
    )
    licence = forms.CharField(
        max_length=LICENCE_MAX,
        required=False,
        help_text="Under which terms others may use it, such as CC BY 4.0.",
    )
    source = forms.CharField(
        max_length=SOURCE_MAX, required=False, help_text="Who made it, and where it is from."
    )
    description = forms.CharField(
        max_length=DESCRIPTION_MAX,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it shows, and what it is for.",
    )
    split = forms.ChoiceField(
        choices=[
            ("train", "to learn from"),
            ("test", "only to judge models by"),
        ],
        initial=DatasetUpload.Split.TRAIN,
        label="Without splits, it is",
        help_text="Files may name splits: arrays, files or folders called train and test.",
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        self.fields["files"].help_text = (
            f"At most {filesizeformat(settings.UPLOAD_MAX_BYTES)}. For IDX choose the files of "
            "images and of labels together."
        )
        self.fields["files"].widget.attrs["data-max-bytes"] = settings.UPLOAD_MAX_BYTES


def caps() -> list[tuple[str, str]]:
    """(what, how much at most) for the page."""
    return [
        ("Upload", filesizeformat(settings.UPLOAD_MAX_BYTES)),
        ("Unpacked", filesizeformat(settings.UPLOAD_MAX_UNPACKED_BYTES)),
        ("Images", f"{settings.UPLOAD_MAX_MEMBERS:,}"),
        ("Pixels of a picture", f"{settings.UPLOAD_MAX_PIXELS:,}"),
    ]
