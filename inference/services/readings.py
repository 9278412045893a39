"""What every model that served reads in every drawing: computed once, then kept."""

import logging
from collections.abc import Sequence

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from inference.drawing_images import Undrawable, image_now
from inference.models import Drawing, DrawingReading, ModelVersion
from inference.predictor import ModelUnavailable, predictor
from training import wakeups

logger = logging.getLogger(__name__)

AT_ONCE = 1000
MODELS_ON_DEMAND = 6
"""More models than this are left to a worker: each has to be loaded while somebody waits."""


def wake_reader(model_id: int) -> bool:
    """Ask a worker to have a model read all drawings."""
    return wakeups.wake_default("inference.tasks.read_drawings", model_id)


def read_all(model: ModelVersion) -> int:
    """Have a model read the drawings it has not read yet; how many those were.

    Safe to repeat and to do twice at once. Raises ModelUnavailable.
    """
    unread = _unread(model)
    last = done = 0
    while some := list(unread.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        _read(model, some)
        last, done = some[-1].pk, done + len(some)
    logger.info("event=drawings-read model=%s count=%d", model, done)
    return done


def readings_of(drawing: Drawing) -> dict[int, DrawingReading]:
    """By model id, of every model that was ever promoted; those that lack are computed now.

    A model that cannot be loaded is left out.
    """
    found = {row.model_id: row for row in drawing.readings.all()}
    served = ModelVersion.objects.filter(promotions__isnull=False).distinct()
    missing = served.exclude(pk__in=found).select_related("run").order_by("-number")
    for model in missing[:MODELS_ON_DEMAND]:
        try:
            _read(model, [drawing])
        except ModelUnavailable as error:
            logger.warning("event=drawing-not-read model=%s reason=%s", model, error)
    return {row.model_id: row for row in drawing.readings.all()}


def _unread(model: ModelVersion) -> QuerySet[Drawing]:
    known = DrawingReading.objects.filter(drawing=OuterRef("pk"), model=model)
    return Drawing.objects.filter(~Exists(known)).only("pk", "contract_id", "image", "strokes")


def _read(model: ModelVersion, drawings: Sequence[Drawing]) -> None:
    readable, images = [], []
    for drawing in drawings:
        try:
            images.append(image_now(drawing.contract_id, drawing.image, drawing.strokes))
        except Undrawable:
            continue
        readable.append(drawing)
    if not readable:
        return
    prediction = predictor.predict_images_with(model, np.stack(images))
    DrawingReading.objects.bulk_create(
        (
            DrawingReading(
                drawing=drawing, model=model, label=int(label), confidence=round(float(sure), 6)
            )
            for drawing, label, sure in zip(
                readable, prediction.labels, prediction.confidences, strict=True
            )
        ),
        ignore_conflicts=True,
        batch_size=AT_ONCE,
    )
