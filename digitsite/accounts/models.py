from functools import cached_property

from django.contrib.auth.models import AbstractUser

from digitsite.accounts.roles import Capability, capabilities_of


class User(AbstractUser):
    """A person with an account. What they may do follows from their groups (roles.py)."""

    @cached_property
    def capabilities(self) -> frozenset[Capability]:
        if not self.is_active:
            return frozenset()
        if self.is_superuser:
            return frozenset(Capability)
        return capabilities_of(list(self.groups.values_list("name", flat=True)))

    def can(self, capability: Capability) -> bool:
        return capability in self.capabilities
