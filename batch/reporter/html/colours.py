"""The colours of outcomes on light and dark screens, as CSS. Six hexadecimal digits each. Pure."""

from __future__ import annotations

from batch.model.outcomes import Outcome
from batch.reporter.tones import TONES, Tone

LIGHT_SURFACE = "FFFFFF"
"""Behind everything on a light screen."""
DARK_SURFACE = "1A212B"
"""Behind everything on a dark screen."""
_WHITE = "FFFFFF"


def mix(one: str, other: str, part: float) -> str:
    """Mix two colours: `part` (0 to 1) of the first, the rest of the other."""
    pairs = zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)
    return bytes(round(a * part + b * (1 - part)) for a, b in pairs).hex().upper()


def make_dark_tone(tone: Tone) -> Tone:
    """Return the same tone for a dark screen."""
    return Tone(
        tint=mix(tone.bar, DARK_SURFACE, 0.24), ink=mix(tone.bar, _WHITE, 0.42), bar=mix(tone.bar, _WHITE, 0.88)
    )


def tones_css() -> str:
    """Custom properties (`--error-ink` and so on) for both kinds of screen, and a class for each outcome."""
    light = "".join(_properties(outcome, tone) for outcome, tone in TONES.items())
    dark = "".join(_properties(outcome, make_dark_tone(tone)) for outcome, tone in TONES.items())
    classes = "".join(
        f".is-{name}{{--tint:var(--{name}-tint);--ink-of:var(--{name}-ink);--bar:var(--{name}-bar)}}\n"
        for name in Outcome
    )
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"


def _properties(outcome: Outcome, tone: Tone) -> str:
    return f"--{outcome}-tint:#{tone.tint};--{outcome}-ink:#{tone.ink};--{outcome}-bar:#{tone.bar};"
