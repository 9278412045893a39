"""Who may do what: one table from role to capabilities.

A role is a group of the same name; a person may hold several. Views, API routes and templates ask
for a capability, never for a role.
"""

from enum import StrEnum


class Role(StrEnum):
    DRAWER = "drawer"
    RESEARCHER = "researcher"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Capability(StrEnum):
    BROWSE = "browse"  # datasets, runs, evaluations, models: read
    DRAW = "draw"  # the studio, own drawings
    LAUNCH_RUNS = "launch_runs"  # launch, cancel and resume own runs
    DOWNLOAD_MODELS = "download_models"
    EXPORT_DATA = "export_data"  # datasets as files; all drawings: ADMINISTER
    SHARE = "share"  # make links by which people without an account draw
    REVIEW = "review"  # everybody's drawings, verdicts
    PROMOTE_MODELS = "promote_models"
    MANAGE_RUNS = "manage_runs"  # cancel and resume anybody's runs, read tracebacks
    ADMINISTER = "administer"  # the Django admin


_DRAWER = frozenset({Capability.BROWSE, Capability.DRAW})
_RESEARCHER = _DRAWER | {
    Capability.LAUNCH_RUNS,
    Capability.DOWNLOAD_MODELS,
    Capability.EXPORT_DATA,
    Capability.SHARE,
}
_REVIEWER = _DRAWER | {Capability.REVIEW, Capability.SHARE}

CAPABILITIES: dict[Role, frozenset[Capability]] = {
    Role.DRAWER: _DRAWER,
    Role.RESEARCHER: _RESEARCHER,
    Role.REVIEWER: _REVIEWER,
    Role.ADMIN: frozenset(Capability),
}


def capabilities_of(group_names: list[str]) -> frozenset[Capability]:
    """All that the holders of these groups may do; groups that are no role give nothing."""
    roles = [Role(name) for name in group_names if name in set(Role)]
    return frozenset().union(*(CAPABILITIES[role] for role in roles))
