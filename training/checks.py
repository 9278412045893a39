"""System checks: settings that would make the promises to runs hollow."""

from django.conf import settings
from django.core.checks import Error, register


@register
def lease_outlives_heartbeats(app_configs, **kwargs) -> list[Error]:
    """A lease has to survive a heartbeat that is late or repeated."""
    lease, heartbeat = settings.RUN_LEASE_SECONDS, settings.RUN_HEARTBEAT_SECONDS
    if heartbeat <= lease / 3:
        return []
    return [
        Error(
            f"RUN_HEARTBEAT_SECONDS is {heartbeat:g}, RUN_LEASE_SECONDS is {lease:g}.",
            hint=f"A heartbeat may take at most a third of the lease, here {lease / 3:g} s.",
            id="training.E001",
        )
    ]
