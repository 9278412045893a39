"""A verdict as it arrives from a page: which item, which word, recorded or refused."""

from django.http import Http404, QueryDict

from digitsite.accounts.models import User
from inference.models import Drawing, Review
from inference.services import reviews
from training.models import Misclassification

Verdict = Review.Verdict
DIGITS = frozenset("0123456789")
_DRAWING_WORDS = {
    "confirm": Verdict.CONFIRM,
    "ambiguous": Verdict.AMBIGUOUS,
    "reject": Verdict.REJECT,
}
_IMAGE_WORDS = {
    "confirm": Verdict.MODEL_ERROR,
    "ambiguous": Verdict.AMBIGUOUS,
    "label_wrong": Verdict.LABEL_WRONG,
}


class NotAVerdict(ValueError):
    """The form does not say which item, or what of it."""


def record(form: QueryDict, reviewer: User, *, decide: bool = False) -> Review:
    """Record `verdict` (a digit, or a word) on `drawing` or on `image`, their number.

    `confirm` means that the label is right: of a test image, that the model erred. Raises
    NotAVerdict, Http404 and ReviewError.
    """
    word = form.get("verdict", "")
    digit = int(word) if word in DIGITS else None
    if "image" in form:
        subject = _subject(Misclassification, form["image"])
        verdict = Verdict.LABEL_WRONG if digit is not None else _IMAGE_WORDS.get(word)
        service = reviews.record_misclassification_verdict
    else:
        subject = _subject(Drawing, form.get("drawing", ""))
        verdict = Verdict.RELABEL if digit is not None else _DRAWING_WORDS.get(word)
        service = reviews.record_verdict
    if verdict is None:
        raise NotAVerdict(f"{word!r} is not a verdict.")
    if subject is None:
        raise Http404("There is no such item.")
    return service(subject, reviewer=reviewer, verdict=verdict, label=digit, decide=decide)


def in_words(row: Review) -> str:
    """What was recorded, as a sentence."""
    if row.verdict == Verdict.UNDO:
        return f"Verdict on {name_of(row)} withdrawn."
    known = "" if row.label is None else f": it is a {row.label}"
    what = {
        Verdict.CONFIRM: f"confirmed as {row.label}",
        Verdict.RELABEL: f"relabelled to {row.label}",
        Verdict.AMBIGUOUS: "set aside as ambiguous",
        Verdict.REJECT: "rejected",
        Verdict.MODEL_ERROR: "is the model's error",
        Verdict.LABEL_WRONG: f"is labelled wrong{known}",
    }[Verdict(row.verdict)]
    name = name_of(row)
    return f"{name[0].upper()}{name[1:]} {what}."


def name_of(row: Review) -> str:
    if row.drawing_id is not None:
        return f"drawing {row.drawing_id}"
    return f"test image {row.misclassification.index}"


def _subject(model: type, number: str):
    if not (number.isascii() and number.isdecimal()):
        raise NotAVerdict("Expected the number of a drawing or an image.")
    return model.objects.filter(pk=int(number[:18])).only("pk").first()
