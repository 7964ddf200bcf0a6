"""WhatsApp's codes: found only where they are plainly WhatsApp's, each with its treatment."""

import pytest

from batch.chats.whatsapp_codes import CODES, Treatment, find_code, meaning_of
from batch.model.reasons import Reason

TREATMENTS = {
    Treatment.SLOW_DOWN: {4, 80007, 130429},
    Treatment.RETRY: {131056, 131057, 2, 131000, 131016, 133004, 134101},
    Treatment.ROW_FAILS: {
        131026, 131047, 131021,
        132005, 132007, 132018, 100, 131008, 131009, 130472, 130497, 131049, 131050, 132000, 132012,
    },
    Treatment.STOP: {
        0, 190, 3, 10, 131005, 368, 131031, 131042, 131037, 133010, 131048, 131064, 131063, 132001, 132015, 132016,
    },
}  # fmt: skip


def test_the_table_is_the_one_in_the_notes() -> None:
    """Every code of the notes has the treatment the notes give it, and there is no other."""
    assert {
        treatment: {code for code, meaning in CODES.items() if meaning.treatment is treatment}
        for treatment in Treatment
    } == TREATMENTS
    assert {meaning_of(code) for code in range(200, 300)} == {meaning_of(200)}
    assert meaning_of(299) is not None
    assert meaning_of(300) is None
    assert meaning_of(131999) is None


def test_the_reasons_that_others_count_on() -> None:
    """The reasons by which the pool stops and the suppression list grows."""
    reasons = {code: CODES[code].reason for code in (131026, 131021, 131049, 131050, 132000, 132012, 132001, 190)}
    assert reasons == {
        131026: Reason.NOT_ON_WHATSAPP,
        131021: Reason.RECIPIENT_IS_SENDER,
        131049: Reason.NOT_DELIVERED_BY_CHOICE,
        131050: Reason.OPTED_OUT,
        132000: Reason.TEMPLATE_VALUES,
        132012: Reason.TEMPLATE_VALUES,
        132001: Reason.TEMPLATE_STOPPED,
        190: Reason.ACCOUNT_STOPPED,
    }
    assert all(meaning.reason.sentence and meaning.words for meaning in CODES.values())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"code": 131026}, 131026),
        ({"code": "131026"}, 131026),
        ({"error": {"code": 131026}}, 131026),
        ({"errors": [{"title": "x"}, {"code": 131047}]}, 131047),
        ({"message": "x", "details": {"error": {"code": 100, "fbtrace_id": "A"}}}, 100),
        ({"error": {"code": 0, "error_data": {}}}, 0),
        ({"error": {"code": "190", "fbtrace_id": "A"}}, 190),
        ({"error": {"code": 100}}, None),
        ({"code": 100, "fbtrace_id": "A"}, None),
        ({"code": 129999}, None),
        ({"code": 1_700_000_000}, None),
        ({"code": True}, None),
        ({"code": 131026.0}, None),
        ({"code": "P2002"}, None),
        ({"statusCode": 131026}, None),
        ({"message": "(#131026) Message undeliverable"}, None),
        ({"error": {"code": True, "fbtrace_id": "A"}}, None),
        ([], None),
        ("131026", None),
        (None, None),
    ],
)
def test_a_code_counts_only_when_it_is_plainly_whatsapps(content: object, code: int | None) -> None:
    """From 130000 up wherever it stands as a code; below only in an error object with WhatsApp's own marks."""
    assert find_code(content) == code


def test_a_code_in_the_depth_of_hostile_json_is_not_sought_forever() -> None:
    """The search ends a few levels down."""
    content: object = {"code": 131026}
    for _ in range(50):
        content = [content]
    assert find_code(content) is None
