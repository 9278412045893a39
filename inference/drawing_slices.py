"""By author and by device: how an evaluation on drawings is sliced."""

import numpy as np

from inference.models import DatasetDrawing, Drawing
from training.models import Dataset


def drawing_slices(dataset: Dataset, split: str) -> dict[str, np.ndarray]:
    """Author and Device of every image that is somebody's drawing, "" for all others; {} where
    there is no drawing."""
    rows = DatasetDrawing.objects.filter(dataset=dataset, split=split).values_list(
        "index", "drawing__author__username", "drawing__share_link__label", "drawing__device"
    )
    count = getattr(dataset, f"{split}_count")
    authors, devices = np.full(count, "", object), np.full(count, "", object)
    for index, author, link, device in rows:
        authors[index] = author or f"visitor of “{link}”"
        devices[index] = Drawing.Device(device).label
    if not authors.any():
        return {}
    return {"Author": authors.astype(str), "Device": devices.astype(str)}
