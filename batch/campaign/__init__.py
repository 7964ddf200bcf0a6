"""Campaign files: schema, errors, and the file that `init` writes.

A campaign is a TOML file that says who sends which template, how the sheet's columns fill it, and how fast.
`load_campaign` returns a valid campaign, or raises one error with every problem of the file:

* An unknown key is an error that names the most similar known one, so that a typing error never changes what is sent.
* An address that may hold a secret (`notify`) is never repeated in an error.
* A value that `init` left to be filled in is refused until it is.
* Constants are checked by the same rules (`fields`) as cells in the loader.
"""

from batch.campaign.load import Campaign, decode_text, load_campaign
from batch.campaign.problems import Problem, campaign_error
from batch.campaign.scaffold import Draft, DraftField, is_writable, quote, render_campaign
from batch.campaign.schema import CanarySection, FieldSpec, NotifySection
from batch.campaign.sources import Column, Constant, Shares, Source, describe_source
from batch.campaign.template import (
    BODY_LIMIT,
    FIELDS,
    STATUSES,
    body_problem,
    check_value,
    count_placeholders,
    fill_body,
    find_control_character,
    placeholders,
    split_at,
)
from batch.campaign.validators import Webhook, parse_duration, parse_rate
