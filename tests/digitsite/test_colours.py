"""The palette, by day and by night, is readable: WCAG 2.2 contrast, computed."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "digitsite/static/digitsite/palette.css").read_text()

# (text, ground, least ratio): 4.5 for text, 3 for the borders of controls and focus rings.
PAIRS = [
    *[
        (text, ground, 4.5)
        for text in ("ink", "ink-2", "accent")
        for ground in ("paper", "surface")
    ],
    ("ink-2", "surface-2", 4.5),
    ("accent-ink", "accent", 4.5),
    ("accent-ink", "accent-hover", 4.5),
    ("accent", "accent-soft", 4.5),
    ("good", "good-soft", 4.5),
    ("warn", "warn-soft", 4.5),
    ("bad", "bad-soft", 4.5),
    ("bad", "surface", 4.5),
    ("bad-ink", "bad", 4.5),
    *[("ink", ground, 4.5) for ground in ("accent-soft", "good-soft", "warn-soft", "bad-soft")],
    ("ink", "marker", 4.5),
    ("accent", "grid", 3),
    *[(f"series-{number}", "surface", 4.5) for number in range(1, 7)],
    *[(f"class-{digit}", "surface", 4.5) for digit in range(10)],
]


def palettes() -> dict[str, dict[str, str]]:
    """Custom properties with a colour, by theme: day, night of the system, night by hand."""
    blocks = {
        "day": r":root \{(.*?)\n\}",
        "night": r":root:not\(\[data-theme=\"light\"\]\) \{(.*?)\n  \}",
        "night by hand": r":root\[data-theme=\"dark\"\] \{(.*?)\n\}",
    }
    return {
        theme: dict(
            re.findall(r"--([\w-]+): (#[0-9a-f]{6});", re.search(block, CSS, re.S).group(1))
        )
        for theme, block in blocks.items()
    }


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2 of "#rrggbb"."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_contrast_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["day", "night", "night by hand"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_text_is_readable_on_its_ground(theme, text, ground, least):
    palette = palettes()[theme]
    assert contrast(palette[text], palette[ground]) >= least


def test_night_is_the_same_whether_the_system_or_a_person_chose_it():
    found = palettes()
    assert found["night"] == found["night by hand"]
    assert found["day"].keys() == found["night"].keys()
