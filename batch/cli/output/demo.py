"""Output of `demo`."""

from pathlib import Path

from batch.app.demo import LATER
from batch.app.follow import FollowReport
from batch.app.runs.finish import FinishedRun
from batch.cli.output.follow import failure_lines
from batch.cli.output.layout import section
from batch.cli.output.run import summary_text
from batch.formatting import format_duration
from batch.i18n import _


def demo_text(ended: FinishedRun, followed: FollowReport | None, samples: Path) -> str:
    """The end of the demo: the summary of its run, what arrived, and where its sheet and campaign are."""
    words = _(
        "This was a rehearsal against an imitation on this machine: nobody was messaged.\n"
        "Open report.xlsx to see what became of each row. The sheet and the campaign file that were used are in\n"
        "{folder}"
    )
    parts = [summary_text(ended)]
    if followed is not None:
        heading = _("`follow` {time} after it, by the imitation's clock, which was set on:")
        lines = [followed.headline, *failure_lines(followed)]
        parts.append(section(heading.format(time=format_duration(LATER.total_seconds())), lines))
    return "\n\n".join([*parts, words.format(folder=samples)])
