"""The colours of outcomes, in workbooks and on pages alike. Six hexadecimal digits each.

They are made from the Okabe-Ito set, which colour-blind people can tell apart; each outcome is written out as well, so
that nothing is lost in black and white.
"""

from dataclasses import dataclass

from batch.model.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Tone:
    """The colours of an outcome: behind its word, of the word, and of its bar in a chart."""

    tint: str
    ink: str
    bar: str


TONES = {
    Outcome.SUCCESS: Tone("DDF2EA", "00583F", "009E73"),
    Outcome.REUSED: Tone("DCEBF7", "0B4A75", "3B8FC7"),
    Outcome.ERROR: Tone("FCE4D6", "8F3B00", "D55E00"),
    Outcome.UNKNOWN: Tone("F6E1EC", "7F2A5B", "B8558D"),
    Outcome.SKIPPED: Tone("E6E9ED", "46525F", "9AA5B1"),
    Outcome.PENDING: Tone("FDF0CC", "6F5200", "E6A700"),
}
