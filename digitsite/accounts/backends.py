"""Gives Django's own permission checks (the admin asks them) the answer of the roles table."""

from django.contrib.auth.backends import ModelBackend

from digitsite.accounts.roles import Capability


class RoleBackend(ModelBackend):
    """Members of the admin role hold every permission; nobody else gets any from their role."""

    def has_perm(self, user_obj, perm, obj=None) -> bool:
        if user_obj.is_active and user_obj.can(Capability.ADMINISTER):
            return True
        return super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj, app_label) -> bool:
        if user_obj.is_active and user_obj.can(Capability.ADMINISTER):
            return True
        return super().has_module_perms(user_obj, app_label)
