"""Tags for pages that show drawings: `{% load drawings %}`."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from inference.drawing_pictures import SIDE, digit_data_uri, stroke_paths
from inference.models import Drawing

register = template.Library()


@register.simple_tag
def ink(drawing: Drawing) -> SafeString:
    """The drawing, large: its strokes as SVG, or for an upload the picture that the model saw."""
    if not drawing.strokes:
        return format_html(
            '<img class="ink digit" src="{}" alt="The uploaded digit">',
            what_the_model_sees(drawing),
        )
    paths = format_html_join("", '<path d="{}"/>', ((p,) for p in stroke_paths(drawing.strokes)))
    return format_html(
        '<svg class="ink squared" viewBox="0 0 {0} {0}" role="img" aria-label="The drawn digit">'
        "{1}</svg>",
        SIDE,
        paths,
    )


@register.simple_tag
def what_the_model_sees(drawing: Drawing) -> str:
    """The stored 28 x 28 image as a data URI."""
    return digit_data_uri(drawing.image)


@register.inclusion_tag("inference/_bars.html")
def probability_bars(probabilities: list[float]) -> dict[str, object]:
    """Ten bars, the highest marked."""
    top = max(range(len(probabilities)), key=probabilities.__getitem__)
    return {
        "bars": [
            {"digit": digit, "share": f"{share:.4f}", "percent": share, "top": digit == top}
            for digit, share in enumerate(probabilities)
        ]
    }


@register.inclusion_tag("inference/_drawing_status.html")
def drawing_status(drawing: Drawing) -> dict[str, Drawing]:
    return {"drawing": drawing}
