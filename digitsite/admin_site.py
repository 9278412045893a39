"""The Django admin, open to Digitsite's admin role."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from digitsite.accounts.roles import Capability


class DigitsiteAdminConfig(AdminConfig):
    default_site = "digitsite.admin_site.DigitsiteAdminSite"


class DigitsiteAdminSite(AdminSite):
    site_header = "Digitsite administration"
    site_title = "Digitsite"
    index_title = "Everything the site stores"

    def has_permission(self, request) -> bool:
        return request.user.is_active and request.user.can(Capability.ADMINISTER)

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """There is one sign-in page; people who are signed in and may not administer get a 403."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("Your roles do not include the right to administer.")
        wanted = request.GET.get("next") or reverse("admin:index")
        return redirect(reverse("login", query={"next": wanted}))
