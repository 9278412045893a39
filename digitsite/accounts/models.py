from functools import cached_property

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

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


class ApiToken(models.Model):
    """A personal key for programs. Only its SHA-256 is stored: the key is shown once."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60, help_text="What uses it")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key")
    hint = models.CharField(max_length=12, help_text="The key's first characters")
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
