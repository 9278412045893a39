"""Every URL of the site. The studio is mounted beside Django in digitsite.asgi."""

from django.contrib import admin
from django.urls import include, path

from digitsite import health, views
from digitsite.api import api

urlpatterns = [
    path("", views.landing, name="landing"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("", include("digitsite.accounts.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("training.urls")),
    path("", include("inference.urls")),
]
