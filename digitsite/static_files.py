"""Static files: hashed and compressed; plotly.js is taken from its installed Python package."""

from pathlib import Path

import plotly
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile
from whitenoise.storage import CompressedStaticFilesStorage

from digitsite.streaming import file_chunks


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise, whose files go out as asynchronous streams."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        if found.file is None:
            answer = HttpResponse(status=found.status)
        else:
            answer = _FileStream(found.file, status=found.status)
        del answer["Content-Type"]
        for name, value in found.headers:
            answer[name] = value
        return answer


class _FileStream(StreamingHttpResponse):
    """Closes its file whether or not anybody has read it."""

    def __init__(self, file, **kwargs):
        super().__init__(file_chunks(file), **kwargs)
        self._resource_closers.append(file.close)


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
