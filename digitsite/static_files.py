"""Static files: hashed and compressed; plotly.js is taken from its installed Python package."""

from pathlib import Path

import plotly
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedStaticFilesStorage


class StaticFilesStorage(CompressedStaticFilesStorage):
    """Compressed copies beside the originals; names stay readable.

    gzip only: Brotli's best level takes plotly.js a quarter of a minute at the first start.
    """

    def create_compressor(self, **kwargs) -> Compressor:
        return Compressor(**kwargs, use_brotli=False)


class PlotlyFinder(BaseFinder):
    """Serves `plotly/plotly.min.js` from the `plotly` package's own copy."""

    prefix = "plotly"

    def __init__(self, *args, **kwargs):
        folder = Path(plotly.__file__).parent / "package_data"
        self.storage = FileSystemStorage(location=folder)
        self.storage.prefix = self.prefix

    def check(self, **kwargs):
        return []

    def find(self, path, find_all=False, **kwargs):
        if path != f"{self.prefix}/plotly.min.js":
            return []
        found = self.storage.path("plotly.min.js")
        return [found] if find_all else found

    def list(self, ignore_patterns):
        yield "plotly.min.js", self.storage
