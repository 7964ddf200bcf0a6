"""The words of a new campaign file, section by section, with `{places}` for what differs. Lines fit 120 characters."""

from __future__ import annotations

from batch.i18n import N_

HEAD = N_("""\
# A campaign file: who sends, which message, to whom, how fast. It is plain text: change it in Notepad or any editor.
#
#   wegly-batch check {sheet} -c {file}     looks at everything and sends nothing
#   wegly-batch run {sheet} -c {file}     sends
#
# How to read it: a line that begins with # is a note for people. [words in brackets] begin a section. A line
# name = "value" sets one thing; texts stand in quotation marks, numbers do not. A misspelled name is never ignored: the
# program says so, and sends nothing. Where it says FILL IN, only you know what belongs there.
""")

CAMPAIGN = N_("""\
[campaign]
# Within one name a person is messaged once, however often you run it. A new name begins anew: everybody is new to it.
# {{yyyy-mm}} in it is the month of the run, {{yyyy-mm-dd}} its day: "lembrete-{{yyyy-mm}}" begins anew each month.
name = {name}
# Whose hours the report shows, and in which language (pt_BR or en).
timezone = "America/Sao_Paulo"
language = "pt_BR"
# Columns that allow one person more than one message, like ["Fatura"]. Empty: one message per person.
unique_by = []
""")

SENDER_SECTION = N_("""\
[sender]
# The id of the WhatsApp number that sends. Wegly shows it in the settings of your number; it looks like
# 0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c.
whatsapp_phone_id = {sender}
""")

TEMPLATE_SECTION = N_("""\
[template]
# The message must be a template that WhatsApp has approved: its name and language, exactly as they are there.
name = {name}
language = {language}
# The template's text, for the preview in `check` and to see that each {{{{number}}}} has a value. Only approved text is
# sent: changing it here changes no message.
{body}
""")

COLUMNS_HEAD = N_("""\
# On the left what the API calls it, on the right how your sheet's header calls it. Your sheet has these columns:""")

FIELDS_HEAD = N_("""\
# One block for each {{{{number}}}} of the template, in the order of the numbers. {{Column}} takes the cell of the row,
# and what follows a | changes it, one after the other, like {example}:
#   first_name      the first word that is no title:             Dr. BRUNO CARVALHO -> BRUNO
#   title           capitals as in a name:                       BRUNO DA SILVA -> Bruno da Silva
#   brl             an amount of money:                          1234,56 -> R$ 1.234,56
#   date:dd/mm      a date in another form:                      05/01/2027 -> 05/01
#   default:TEXT    TEXT where the cell is empty. Without it an empty cell is an error of its row: that person gets
#                   nothing, and the report says why.
# Others are upper, lower, strip, digits, urlencode. A brace that is to be read as such is written twice.
""")

FIELDS_NONE = N_("""\
# Does your template have a {{1}}? Then take the signs # away before these lines:
""")

SPEED = N_("""\
[phone]
# The country of numbers that are written without one.
region = "BR"
# How the number goes to the API: national (11999999999), e164 (+5511999999999) or digits (5511999999999).
format = "national"

[throttle]
# Messages per second ("10/s"), per minute ("600/min") or per hour ("5000/h"), evenly spaced.
rate = "10/s"
# How many may wait for an answer at the same time.
concurrency = 16
# How many different people WhatsApp lets your account reach in any 24 hours (250, 2000, 10000 ...): the rest waits for
# the next run, and `check` shows how many days it takes. Take the # away and write your limit.
# per_24h = 2000

[stop]
# Stop when so many of the answers are refusals (judged after 50 attempts), ...
errors = "20%"
# ... or after so many rows one after another of which nobody can know whether they were sent.
unknowns = 5
# When the API says "not now": how often, and for how long, one row is tried again before the run stops.
retries = 8
retry_for = "15m"

[canary]
# Send so many first and go on only when all of them were accepted. Take the # away to use it.
# rows = 20
""")

WINDOW = N_("""\
# The hours in which messages may go out: these are the usual ones. Outside of them `run` sends nothing and says when to
# come back, or waits with --wait. "recipient" reads them where the person lives, by the area code; "BR" keeps national
# holidays free ("BR-SP" the state's as well). Change them as you need; without a [[window]] any hour is allowed.
[[window]]
days = ["mon", "tue", "wed", "thu", "fri"]
hours = "09:00-20:00"
timezone = "recipient"
holidays = "BR"

[[window]]
days = ["sat"]
hours = "10:00-16:00"
timezone = "recipient"
holidays = "BR"

# People who must get no message, in sheets beside this file. The list of `wegly-batch suppress` holds in any case.
# [suppress]
# files = ["bloqueio.csv"]
# column = "Opt-out"

# Leave out who got a message of another campaign lately.
# [history]
# not_within = "7d"
""")

SHEET = N_("""\
[sheet]
# Which sheet of the workbook. Leave it out if there is only one with phones.
{tab}
# The row with the names of the columns. Leave it out and it is found.
{row}
# Hidden rows (often a filter that was left on): skip or send.
hidden_rows = "skip"
""")

LIMITS = N_("""
# A file larger than any honest one is refused, and the message names the limit. Raise it for a file you trust.""")
