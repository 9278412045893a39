"""Every URL of the site. The studio is mounted beside Django in digitsite.asgi."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("training.urls")),
    path("", include("inference.urls")),
]
