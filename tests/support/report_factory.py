"""Made-up runs whose reports the tests of the HTML pages look at: as in real life, and as bad as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.i18n import use_language
from batch.model.delivery import Delivery, DeliveryCounts, DeliveryState, Spent
from batch.model.outcomes import Evidence, Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason
from batch.model.replies import Reply, UndecidedReply
from batch.model.runs import Result, Run, SenderRun, Tally, ThisRun
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter import SourceSheet
from batch.reporter.html.page import write_html
from batch.reporter.rows import ReportInputs, make_row_renderer
from batch.reporter.statistics import Statistics, collect_statistics
from batch.reporter.xlsx.summary_sheet import add_summary

START = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)
COLUMNS = ("Nome", "Telefone", "Empresa", "Obs")
NAMES = ("Ana Beatriz Souza", "João Conceição", "Antônio Gonçalves", "Maria das Dores", "Zé", "Bruno Carvalho")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\u202egpj.exe",
    "x" * 30_000,
    "=1+1",
    "-2+3+cmd|' /C calc'!A0",
    "👩‍👩‍👧 😀",
    "a\tb\r\nc",
    "&lt;b&gt; &amp;",
    "\u2028\u2029\x00\ud800\ufffe",
    "{{ 7*7 }}{% raw %}",
    "مرحبا",
    "javascript:alert(1)",
    '" onmouseover="alert(1)',
)
_CHAIN = (
    (Outcome.ERROR, Finding(Reason.API_REFUSED, {"status": "400", "words": "O contato não pode receber."})),
    (Outcome.UNKNOWN, Finding(Reason.ANSWER_TIMEOUT, {"seconds": "60"})),
    (Outcome.ERROR, Finding(Reason.PHONE_NOT_A_NUMBER, {"found": "sem telefone"})),
    (Outcome.SKIPPED, Finding(Reason.DUPLICATE, {"row": "2"})),
    (Outcome.PENDING, Finding(Reason.LIMIT)),
    (Outcome.REUSED, Finding(Reason.REUSED)),
)
_EVERY = 10
"""One row in so many is no success."""


def phone(row: int) -> str:
    """The person of a row, E.164."""
    return f"+55119{row % 10_000:04d}{row * 7 % 10_000:04d}"


def result(row: int, *, words: str | None = None) -> Result:
    """What became of a row: mostly success, each tenth something else. `words` is said by the API to errors."""
    outcome, finding = (Outcome.SUCCESS, Finding(Reason.CREATED))
    if row % _EVERY == 0:
        outcome, finding = _CHAIN[row // _EVERY % len(_CHAIN)]
        if words is not None and outcome is Outcome.ERROR:
            finding = Finding(finding.reason, {"status": "400", "words": words, "found": words})
    sent = outcome in (Outcome.SUCCESS, Outcome.REUSED, Outcome.UNKNOWN)
    return Result(
        row=row,
        outcome=outcome,
        findings=(finding,),
        person=phone(row),
        chat_id=f"{row:032x}" if outcome.is_accepted else None,
        chat_status="OPEN" if outcome.is_accepted else None,
        evidence=Evidence.HTTP_201 if outcome is Outcome.SUCCESS else None,
        http_status=200 if outcome.is_accepted else None,
        attempts=1 if sent else 0,
        sent_at=START + timedelta(seconds=row / 8) if sent else None,
        duration_ms=80 + row % 300 if sent else None,
        run="the-run" if sent else None,
        request="ab" * 32 if sent else None,
        message_id=f"wamid.{row}" if sent else None,
        message_status="processing" if sent else None,
    )


LOOKED_AT = START + timedelta(days=2)
_REPLY = Reply(at=START + timedelta(hours=1), kind="button:Quero <b>saber</b> mais")
_DELIVERIES = (
    None,
    Delivery(state=DeliveryState.READ, seen_at=LOOKED_AT, looked_at=LOOKED_AT, reply=_REPLY),
    Delivery(state=DeliveryState.DELIVERED, seen_at=LOOKED_AT, looked_at=LOOKED_AT),
    Delivery(state=DeliveryState.SENT, seen_at=LOOKED_AT, looked_at=LOOKED_AT),
    Delivery(
        state=DeliveryState.FAILED, seen_at=LOOKED_AT, looked_at=LOOKED_AT, code=131049, words="(#131049) Withheld"
    ),
    Delivery(state=DeliveryState.OTHER, seen_at=LOOKED_AT, looked_at=LOOKED_AT, word="queued"),
    Delivery(state=DeliveryState.READ, seen_at=LOOKED_AT, looked_at=LOOKED_AT, reply=replace(_REPLY, kind="opt_out")),
)
"""What looks have shown of accepted rows, one after the other."""


def sheet_row(row: int) -> SheetRow:
    """A contact as people keep them."""
    digits = phone(row)[3:]
    cells = (f"{NAMES[row % len(NAMES)]} {row}", f"({digits[:2]}) {digits[2:7]}-{digits[7:]}", "Padaria Aurora", None)
    return SheetRow(number=row, cells=cells)


def hostile_row(row: int) -> SheetRow:
    """Cells that somebody wrote to break a page."""
    return SheetRow(number=row, cells=tuple(HOSTILE[(row + index) % len(HOSTILE)] for index in range(len(COLUMNS))))


@dataclass(frozen=True, kw_only=True)
class Made:
    """A run of `rows` rows, beginning with row 2."""

    rows: int
    language: str = "en"
    cells: Callable[[int], SheetRow] = sheet_row
    columns: Sequence[str] = COLUMNS
    campaign: str = "novembro"
    words: Callable[[int], str | None] = field(default=lambda _row: None)
    sheet: bool = True
    """False: the sheet is gone."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    followed: bool = False
    """Messages were looked at."""
    message: Callable[[SheetRow, str, str], str | None] | None = None
    """Renders a message that was sent."""

    def results(self) -> list[Result]:
        found = [result(row, words=self.words(row)) for row in self._numbers]
        if self.followed:
            for each in found:
                each.delivery = _DELIVERIES[each.row % len(_DELIVERIES)] if each.outcome.is_accepted else None
        return found

    def delivery(self, results: Sequence[Result]) -> DeliveryCounts:
        """Counts of the deliveries that the results have; two replies to decide."""
        messaged = sum(each.outcome.is_accepted for each in results)
        known = [each.delivery for each in results if each.delivery]
        states = Counter(each.state for each in known)
        person = UndecidedReply(person=phone(2), run="the-run", timezone="America/Sao_Paulo", at=LOOKED_AT)
        return DeliveryCounts(
            messaged=messaged,
            states=states,
            codes=Counter((each.code, each.words) for each in known if each.state is DeliveryState.FAILED),
            replied=sum(each.reply is not None for each in known),
            opted_out=sum(each.reply is not None and each.reply.opts_out for each in known),
            looked_at=LOOKED_AT,
            rated={("template", "saudacao (pt_BR)"): states, ("sender", "0b28ee57"): {DeliveryState.READ: 49}},
            spent={"BRL": Spent(expected=Decimal("0.35") * messaged, delivered=Decimal("0.35") * len(known))},
            undecided=(person, replace(person, person=phone(3))),
        )

    @property
    def _numbers(self) -> range:
        return range(2, self.rows + 2)

    def tally(self) -> Tally:
        results = self.results()
        counts = Counter(each.outcome for each in results)
        senders = (
            SenderRun(sender="0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c", attempts=9, achieved_rate=4.01, slowed=3),
            SenderRun(sender="7c19d2aa-1b3c-4d5e-8f90-123456789abc", attempts=9, achieved_rate=None, cause="canary"),
        )
        return Tally(
            counts={outcome: counts[outcome] for outcome in Outcome},
            reasons=Counter((each.outcome, each.reason) for each in results),
            delivery=self.delivery(results) if self.followed else None,
            this_run=ThisRun(attempts=18, outcomes=counts, wanted_rate=10.0, achieved_rate=7.9, senders=senders),
        )

    def run(self) -> Run:
        return Run(
            run="20261103T130000Z-novembro-1b02",
            campaign=self.campaign,
            endpoint="https://api.wegly.com.br",
            sheet_path="/dados/contatos.csv",
            sheet_sha256="ab" * 32,
            version="0.1.0",
            started=START,
            finished=START + timedelta(minutes=2),
            exit_code=4,
            language=self.language,
        )

    def view(self) -> SourceSheet:
        if not self.sheet:
            return SourceSheet(path=None, info=None, rows=None, name="contatos.csv")
        info = SheetInfo(
            file="contatos.csv",
            format="csv",
            sheet=None,
            encoding="utf-8",
            delimiter=";",
            header_row=1,
            columns=tuple(self.columns),
            remarks=tuple(Phrase("{text}", {"text": text}) for text in self.warnings),
        )
        return SourceSheet(
            path=None, info=info, rows=lambda: map(self.cells, self._numbers), name="contatos.csv", message=self.message
        )

    def material(self) -> ReportInputs:
        run = self.run()
        results = self.results()
        return ReportInputs(
            run=run,
            tally=self.tally(),
            sheet=self.view(),
            rows=lambda: map(make_row_renderer(ZoneInfo(run.timezone)), results),
            statistics=collect_statistics(results, ZoneInfo(run.timezone)),
            notes=self.notes,
        )

    def page(self, folder: Path) -> Path:
        """Write report.html into a folder, in the language of the run."""
        with use_language(self.language):
            files = [folder / name for name in ("report.xlsx", "results.csv", "retry.xlsx")]
            return write_html(folder / "report.html", self.material(), files)


def hostile(rows: int, language: str = "en") -> Made:
    """A run in which every text comes from somebody who means harm."""
    return Made(
        rows=rows,
        language=language,
        cells=hostile_row,
        columns=HOSTILE[:4],
        campaign=HOSTILE[1] + HOSTILE[3],
        words=lambda row: HOSTILE[row % len(HOSTILE)],
        warnings=HOSTILE[:2],
        notes=HOSTILE[:3],
    )


def summary_of(run: Run, tally: Tally, statistics: Statistics, notes: tuple[str, ...] = ()) -> Worksheet:
    """The summary worksheet of a run whose sheet is gone."""
    gone = SourceSheet(path=None, info=None, rows=None, name="contatos.csv")
    inputs = ReportInputs(run=run, tally=tally, sheet=gone, rows=lambda: iter(()), statistics=statistics)
    book = Workbook()
    add_summary(book, inputs, notes=notes)
    return book.worksheets[0]
