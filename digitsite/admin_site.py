"""The Django admin, open to Digitsite's admin role."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig

from digitsite.accounts.roles import Capability


class DigitsiteAdminConfig(AdminConfig):
    default_site = "digitsite.admin_site.DigitsiteAdminSite"


class DigitsiteAdminSite(AdminSite):
    site_header = "Digitsite administration"
    site_title = "Digitsite"
    index_title = "Everything the site stores"

    def has_permission(self, request) -> bool:
        return request.user.is_active and request.user.can(Capability.ADMINISTER)
