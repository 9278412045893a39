"""The page for people who ask for too much at once."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from digitsite.accounts.rate import TooOften


def too_often(request: HttpRequest, error: TooOften) -> HttpResponse:
    """429, with a page that says when to try again."""
    response = render(request, "429.html", {"sentence": str(error)}, status=429)
    response["Retry-After"] = str(error.retry_after_seconds)
    return response
