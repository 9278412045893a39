"""Reads settings from the environment and fails loudly on values it does not understand."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def boolean(name: str, default: bool) -> bool:
    raw = os.environ.get(name)
    if raw is None:
        return default
    if raw.strip().lower() in _TRUE:
        return True
    if raw.strip().lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is not a yes or no. Use 1 or 0.")


def number(name: str, default: float, *, minimum: float, maximum: float) -> float:
    raw = os.environ.get(name)
    if raw is None:
        return default
    try:
        value = float(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a number.") from None
    if not minimum <= value <= maximum:
        raise ImproperlyConfigured(f"{name}={raw} is outside {minimum:g} to {maximum:g}.")
    return value


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    value = number(name, default, minimum=minimum, maximum=maximum)
    if value != int(value):
        raise ImproperlyConfigured(f"{name}={value:g} is not a whole number.")
    return int(value)


def rate(name: str, default: str) -> tuple[float, int]:
    """PER_SECOND/AT_ONCE, such as 10/600: ten a second, after 600 at once."""
    raw = os.environ.get(name, default)
    per_second, _, at_once = raw.partition("/")
    try:
        value = (float(per_second), int(at_once))
    except ValueError:
        raise ImproperlyConfigured(
            f"{name}={raw!r} is not a rate. Use PER_SECOND/AT_ONCE, such as {default}."
        ) from None
    if not (0 < value[0] <= 1e6 and 1 <= value[1] <= 10**9):
        raise ImproperlyConfigured(f"{name}={raw}: both numbers are above 0.")
    return value


def words(name: str, default: list[str]) -> list[str]:
    raw = os.environ.get(name)
    return default if raw is None else [word.strip() for word in raw.split(",") if word.strip()]


def path(name: str, default: Path) -> Path:
    raw = os.environ.get(name)
    return Path(raw).expanduser().resolve() if raw else default
