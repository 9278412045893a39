from datetime import datetime

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone


class ShareLink(models.Model):
    """Lets people without an account draw and submit. Only the SHA-256 of its token is stored: the
    address is shown once."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="share_links"
    )
    label = models.CharField(max_length=60, help_text="What it is for")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token")
    hint = models.CharField(max_length=12, help_text="The token's first characters")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    max_drawings = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: no maximum"
    )
    drawings_taken = models.PositiveIntegerField(
        default=0, help_text="Drawings submitted through it so far"
    )

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id"), name="share_link_by_owner"),)

    def __str__(self) -> str:
        return f"{self.label} ({self.hint}…)"

    def reason_over(self, now: datetime) -> str:
        """Why it lets nobody draw: revoked, expired or full; nothing while it is live."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        if self.max_drawings is not None and self.drawings_taken >= self.max_drawings:
            return "full"
        return ""

    @property
    def state(self) -> str:
        return self.reason_over(timezone.now()) or "live"
