"""Which model serves, for pages of any app: `{% load production %}`."""

from django import template

from inference import registry
from inference.models import ModelVersion

register = template.Library()


@register.simple_tag
def production_model() -> ModelVersion | None:
    return registry.production()
