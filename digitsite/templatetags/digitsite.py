"""Tags and filters that every page may use: `{% load digitsite %}`."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from digitsite.navigation import sections_for

register = template.Library()

DASH = "–"


@register.inclusion_tag("_navigation.html", takes_context=True)
def navigation(context) -> dict:
    """The links of the rail that this person may follow, the current one marked."""
    request = context["request"]
    match = getattr(request, "resolver_match", None)
    return {"sections": sections_for(request.user, match.url_name if match else None)}


@register.simple_tag
def icon(name: str) -> SafeString:
    """One symbol of icons.svg; decorative, so hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>',
        static("digitsite/icons.svg"),
        name,
    )


@register.filter
def percent(share: float | None, places: int = 1) -> str:
    """0.98765 -> "98.8 %" (`|percent:2` -> "98.77 %"); a dash for a figure not known yet."""
    return DASH if share is None else f"{share * 100:.{places}f}\u00a0%"


@register.filter
def points(difference: float | None, places: int = 2) -> str:
    """A difference of two shares in percentage points: 0.0123 -> "+1.23", -0.01 -> "−1.00"."""
    if difference is None:
        return DASH
    text = f"{abs(difference) * 100:.{places}f}"
    if not float(text):
        return text
    return f"{'+' if difference > 0 else '−'}{text}"


@register.filter
def per_hundred(share: float) -> str:
    """0.98765 -> "98.8", 1.0 -> "100": a share in percent for a narrow cell, without the sign."""
    return f"{100 * share:.1f}".removesuffix(".0")


@register.filter
def at_most(count: int, cap: int) -> str:
    """1234 -> "1,234"; what was counted beyond the cap is "1,000+"."""
    return f"{cap:,}+" if count > cap else f"{count:,}"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in words: "42 s", "3 min 20 s", "1 h 5 min"; a dash when not known."""
    if seconds is None:
        return DASH
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}\u00a0s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10 and rest:
        return f"{minutes}\u00a0min {rest}\u00a0s"
    if minutes < 60:
        return f"{minutes}\u00a0min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}\u00a0h {minutes}\u00a0min" if minutes else f"{hours}\u00a0h"


@register.filter
def short_digest(digest: str) -> str:
    """The first twelve hex digits, enough for people to compare."""
    return digest[:12]
