"""The colours of the outcomes as CSS, for light and for dark screens. Pure.

Both come from the tones of the workbook (`paint`), so that an outcome has one colour everywhere. On a dark screen its
word is the tone of the bar made lighter, and what is behind it the same tone made darker.
"""

from __future__ import annotations

from batch.model.outcomes import Outcome
from batch.reporter.xlsx.theme import TONES, Tone

__all__ = ["DARK", "SURFACE", "WHITE", "dark_tone", "mixed", "tones_css"]

WHITE = "FFFFFF"
SURFACE = "FFFFFF"
"""Behind everything on a light screen."""
DARK = "1A212B"
"""Behind everything on a dark screen."""


def mixed(one: str, other: str, part: float) -> str:
    """Two colours mixed: `part` (0 to 1) of the first, the rest of the other. Six hexadecimal digits each."""
    pairs = zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)
    return bytes(round(a * part + b * (1 - part)) for a, b in pairs).hex().upper()


def dark_tone(tone: Tone) -> Tone:
    """The same tone for a dark screen."""
    return Tone(tint=mixed(tone.bar, DARK, 0.24), ink=mixed(tone.bar, WHITE, 0.42), bar=mixed(tone.bar, WHITE, 0.88))


def tones_css() -> str:
    """Custom properties (`--error-ink` and so on) for both kinds of screen, and a class for each outcome."""
    light = "".join(_properties(outcome, tone) for outcome, tone in TONES.items())
    dark = "".join(_properties(outcome, dark_tone(tone)) for outcome, tone in TONES.items())
    classes = "".join(
        f".is-{name}{{--tint:var(--{name}-tint);--ink-of:var(--{name}-ink);--bar:var(--{name}-bar)}}\n"
        for name in Outcome
    )
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"


def _properties(outcome: Outcome, tone: Tone) -> str:
    return f"--{outcome}-tint:#{tone.tint};--{outcome}-ink:#{tone.ink};--{outcome}-bar:#{tone.bar};"
