"""Output of `demo`."""

from pathlib import Path

from batch.app.demo import LATER
from batch.app.follow import FollowReport
from batch.app.runs.finish import FinishedRun
from batch.cli.output.follow import failure_lines
from batch.cli.output.layout import section, step_lines
from batch.cli.output.run import summary_text
from batch.cli.terminal import bold
from batch.formatting import format_duration, from_here
from batch.i18n import _


def demo_text(ended: FinishedRun, followed: FollowReport | None, samples: Path) -> str:
    """The end of the demo: the summary of its run, what arrived, and where its sheet and campaign are."""
    words = _(
        "This was a rehearsal against an imitation on this machine: nobody was messaged. Open report.html or "
        "report.xlsx to see what became of each row. The sheet and the campaign file that were used are in {folder}"
    )
    parts = [summary_text(ended)]
    if followed is not None:
        heading = _("`follow` {time} after it, by the imitation's clock, which was set on:")
        lines = [bold(followed.headline), *failure_lines(followed)]
        parts.append(section(heading.format(time=format_duration(LATER.total_seconds())), lines))
    own = (_("With your own sheet: its questions end with the first message"), "wegly-batch init " + _("SHEET"))
    return "\n\n".join([*parts, words.format(folder=from_here(samples)), "\n".join(step_lines((), own))])
