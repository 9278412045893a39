"""What may be done how often: one rate for each kind of call, all of them settings.

`people` take by their primary key; visitors of a share link take twice, by the link and by the
address they come from, so neither one link nor one machine can take everything.
"""

import ipaddress

from django.conf import settings

from digitsite.accounts.rate import Rate


def _rate(what: str, setting: str) -> Rate:
    per_second, burst = getattr(settings, setting)
    return Rate(what, per_second=per_second, burst=burst)


predictions = _rate("predictions", "RATE_PREDICTIONS")
"""Calls that ask the model, whatever way they come; a batch counts as one."""

pictures = _rate("pictures", "RATE_PICTURES")
"""Calls that bring a PNG or JPEG: to decode one takes longer than to read it."""

submissions = _rate("drawings", "RATE_DRAWINGS")
"""Drawings handed in: nobody draws so fast, and a script that imports a collection is done soon
enough."""

uploads = _rate("uploads", "RATE_UPLOADS")
"""Datasets that a person uploads: each keeps a worker busy for a while."""

exports = _rate("exports", "RATE_EXPORTS")
"""Datasets and drawings as files: each keeps a core busy for seconds."""

sign_ins = _rate("attempts to sign in", "RATE_SIGN_INS")
"""By address, whatever the names: django-axes counts wrong passwords of one name."""

visitor_predictions = _rate("predictions", "RATE_VISITOR_PREDICTIONS")
visitor_submissions = _rate("drawings", "RATE_VISITOR_DRAWINGS")


def address_key(host: str | None) -> str:
    """One key for whoever is likely the same machine: an IPv4 address, or an IPv6 network /64."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return f"address {host}"
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.version == 6:
        return f"address {ipaddress.ip_network((address, 64), strict=False)}"
    return f"address {address}"
