"""The rail of links on every page: one table, filtered by what a person may do."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from digitsite.accounts.roles import Capability


@dataclass(frozen=True)
class Link:
    label: str
    url_name: str
    icon: str
    capability: Capability
    family: tuple[str, ...] = ()  # further URL names under which this link is the current one


SECTIONS: tuple[tuple[str, tuple[Link, ...]], ...] = (
    (
        "",
        (
            Link("Dashboard", "dashboard", "dashboard", Capability.BROWSE),
            Link("Draw", "draw", "draw", Capability.DRAW),
            Link("My drawings", "my_drawings", "drawings", Capability.DRAW, ("drawing",)),
            Link("Review", "review", "review", Capability.REVIEW, ("decisions", "agreement")),
            Link(
                "Share links",
                "sharing",
                "share",
                Capability.SHARE,
                ("share_create", "share_drawings"),
            ),
        ),
    ),
    (
        "Learning",
        (
            Link(
                "Datasets",
                "datasets",
                "datasets",
                Capability.BROWSE,
                ("dataset", "snapshot", "snapshot_new", "upload_new", "upload"),
            ),
            Link(
                "Runs",
                "runs",
                "runs",
                Capability.BROWSE,
                (
                    *("run", "run_new", "run_compare", "sweeps", "sweep", "sweep_new"),
                    *("evaluation", "evaluation_cell"),
                ),
            ),
            Link("Models", "models", "models", Capability.BROWSE, ("model", "models_compare")),
            Link("Rounds", "rounds", "rounds", Capability.BROWSE),
        ),
    ),
    (
        "Site",
        (Link("Administration", "admin:index", "admin", Capability.ADMINISTER),),
    ),
)


def sections_for(user, current: str | None) -> list[dict]:
    """[{"heading", "links": [{"label", "url", "icon", "current"}]}], without empty sections."""
    sections = []
    for heading, links in SECTIONS:
        shown = [_shown(link, current) for link in links if user.can(link.capability)]
        shown = [link for link in shown if link is not None]
        if shown:
            sections.append({"heading": heading, "links": shown})
    return sections


def _shown(link: Link, current: str | None) -> dict | None:
    try:
        url = reverse(link.url_name)
    except NoReverseMatch:
        return None
    return {
        "label": link.label,
        "url": url,
        "icon": link.icon,
        "current": current == link.url_name or current in link.family,
    }
