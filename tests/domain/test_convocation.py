"""Offers, answers, restorations and the QR code: R-30 to R-39 of docs/regles.md."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import convocation
from booking.domain.convocation import ConvocationState, Demotion, DemotionCode, Pass, RestorationReason
from booking.domain.demande import Contact, DemandeState
from booking.domain.errors import Conflict, InvalidInput

PARIS = ZoneInfo("Europe/Paris")
REUNION = ZoneInfo("Indian/Reunion")
S = ConvocationState
HOLIDAYS = {date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 8)}


def holiday(on: date) -> bool:
    return on in HOLIDAYS


def local(text: str, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def deadline(sent: str, slot: str, zone: ZoneInfo = PARIS) -> str:
    end_at = convocation.offer_deadline(local(sent, zone), local(slot, zone), zone, holiday)
    assert end_at.tzinfo is UTC
    return end_at.astimezone(zone).strftime("%a %Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("sent", "end"),
    [
        ("2026-03-10 09:30", "Thu 2026-03-12 09:30"),
        ("2026-03-10 20:00", "Thu 2026-03-12 20:00"),
        ("2026-03-10 20:01", "Fri 2026-03-13 20:00"),
        ("2026-03-11 03:00", "Fri 2026-03-13 20:00"),
        ("2026-03-11 07:59", "Fri 2026-03-13 20:00"),
        ("2026-03-11 08:00", "Fri 2026-03-13 08:00"),
        ("2026-03-13 10:00", "Mon 2026-03-16 20:00"),  # Friday → Sunday → Monday evening
        ("2026-03-12 21:00", "Mon 2026-03-16 20:00"),  # Saturday night → Monday evening
        ("2026-04-04 10:00", "Tue 2026-04-07 20:00"),  # ends on Easter Monday
        ("2026-04-03 10:00", "Tue 2026-04-07 20:00"),  # Sunday, then Easter Monday
        ("2026-03-27 10:00", "Mon 2026-03-30 20:00"),  # the night of the change of the clock
        ("2026-03-28 01:30", "Mon 2026-03-30 20:00"),  # 48 real hours end at 02:30
        ("2026-10-23 20:30", "Mon 2026-10-26 20:00"),  # the long Sunday
    ],
)
def test_forty_eight_hours_and_never_at_night(sent: str, end: str) -> None:
    """R-30, R-31"""
    assert deadline(sent, "2026-12-15 10:00") == end


def test_forty_eight_hours_are_real_hours() -> None:
    """R-30: across the change to summer time, nine o'clock becomes ten."""
    sent = local("2026-03-28 09:00")
    end_at = convocation.offer_deadline(sent, local("2026-12-15 10:00"), PARIS, lambda on: False)
    assert end_at == local("2026-03-30 10:00")
    assert end_at - sent.astimezone(UTC) == timedelta(hours=48)


def test_the_zone_of_the_site_decides() -> None:
    """R-31"""
    assert deadline("2026-03-10 19:00", "2026-12-15 10:00", REUNION) == "Thu 2026-03-12 19:00"
    sent_at = local("2026-03-10 18:00")
    end_at = convocation.offer_deadline(sent_at, local("2026-12-15 10:00"), REUNION, holiday)
    assert end_at == local("2026-03-13 20:00", REUNION)


@pytest.mark.parametrize(
    ("sent", "slot", "end"),
    [
        # moved forward, there is room before the slot
        ("2026-03-10 21:00", "2026-03-14 21:00", "Fri 2026-03-13 20:00"),
        # moved forward would pass the limit, which is a good hour: the limit
        ("2026-03-10 21:00", "2026-03-14 10:00", "Fri 2026-03-13 10:00"),
        # Sunday 10:00 is the limit: back to Saturday evening, the 48 hours remain
        ("2026-03-12 06:00", "2026-03-16 10:00", "Sat 2026-03-14 20:00"),
        # the same, but Saturday evening would cut the 48 hours: the limit, though a Sunday
        ("2026-03-12 21:00", "2026-03-16 10:00", "Sun 2026-03-15 10:00"),
        # the limit falls on Easter Monday, and Saturday evening would cut the 48 hours
        ("2026-04-02 22:00", "2026-04-07 09:00", "Mon 2026-04-06 09:00"),
        # an offer that left late: the limit shortens the 48 hours
        ("2026-03-10 12:00", "2026-03-12 14:00", "Wed 2026-03-11 14:00"),
    ],
)
def test_the_day_before_the_slot_is_the_limit(sent: str, slot: str, end: str) -> None:
    """R-32"""
    assert deadline(sent, slot) == end


def test_an_offer_after_the_limit_is_not_sent() -> None:
    """R-32"""
    with pytest.raises(Conflict) as error:
        deadline("2026-03-10 12:00", "2026-03-11 12:00")
    assert error.value.code == "offer_too_late"


@pytest.mark.parametrize(
    ("now", "slot", "letter_days", "enough"),
    [
        ("2026-03-10 12:00", "2026-03-11 12:00", None, False),
        ("2026-03-10 12:00", "2026-03-11 12:01", None, True),
        ("2026-03-28 12:00", "2026-03-29 12:30", None, False),  # 23 real hours and a half: summer time begins
        ("2026-03-12 23:59", "2026-03-27 08:00", 15, True),  # whole dates, as a freeze counts them
        ("2026-03-13 00:01", "2026-03-27 18:00", 15, False),
        ("2026-03-12 10:00", "2026-03-12 18:00", 0, False),  # a letter is never a reason for less
    ],
)
def test_what_is_far_enough_ahead(now: str, slot: str, letter_days: int | None, enough: bool) -> None:
    """R-32, R-149"""
    assert convocation.in_time(local(now).astimezone(UTC), local(slot).astimezone(UTC), PARIS, letter_days) is enough


moments = st.integers(0, 365 * 24 * 60).map(lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m))


@given(moments, st.integers(25, 24 * 40))
def test_what_every_deadline_promises(sent_at: datetime, hours: int) -> None:
    """R-30, R-31, R-32"""
    slot_at = sent_at + timedelta(hours=hours)
    end_at = convocation.offer_deadline(sent_at, slot_at, PARIS, holiday)
    assert sent_at < end_at <= slot_at - timedelta(hours=24)
    if hours >= 72:
        assert end_at - sent_at >= timedelta(hours=48)
    if hours >= 24 * 12:
        shown = end_at.astimezone(PARIS)
        assert time(8) <= shown.time() <= time(20)
        assert shown.weekday() != 6
        assert not holiday(shown.date())


def test_who_accepts_in_advance() -> None:
    """R-33"""
    nobody, mail = Contact(postal="1 rue des Pins"), Contact(email="awa@example.org")
    accepts = convocation.standing_acceptance
    assert accepts(nobody, document_seen=False, wanted=False)
    assert accepts(mail, document_seen=True, wanted=True)
    assert not accepts(mail, document_seen=False, wanted=True)
    assert not accepts(mail, document_seen=True, wanted=False)


def test_what_refusals_cost() -> None:
    """R-35"""
    first, second, third = (convocation.after_refusal(n) for n in range(3))
    assert (first.keeps_cohort, first.signal) == (True, None)
    assert (second.keeps_cohort, second.signal) == (False, None)
    assert (third.keeps_cohort, third.signal) == (False, "S18")
    assert {c.state for c in (first, second, third)} == {DemandeState.WAITING}


def test_silence_pauses_and_keeps_the_cohort_for_now() -> None:
    """R-36"""
    assert convocation.after_silence() == convocation.Consequence(DemandeState.PAUSED)


def test_a_place_taken_away_comes_first_in_the_next_draw() -> None:
    """R-37"""
    taken = convocation.after_cancellation_by_administration()
    assert (taken.state, taken.keeps_cohort, taken.priority_zero) == (DemandeState.WAITING, True, True)


def test_one_gesture_with_a_reason_restores_a_cohort() -> None:
    """R-38"""
    lost = Demotion(DemotionCode.ABSENT, datetime(2026, 3, 12, tzinfo=UTC), cohort_before=5)
    assert convocation.restored_cohort(lost, 9, RestorationReason.NOT_INFORMED) == 5
    assert convocation.restored_cohort(lost, None, "hindered") == 5
    assert convocation.restored_cohort(Demotion(lost.code, lost.at, None), 9, "reviewed") == 9
    for reason in ("", "because"):
        with pytest.raises(InvalidInput):
            convocation.restored_cohort(lost, 9, reason)


def test_the_table_of_transitions() -> None:
    """R-40"""
    assert set(convocation.TRANSITIONS) == set(S)
    convocation.check_transition(S.OFFERED, S.CONFIRMED)
    convocation.check_transition(S.ABSENT, S.CONFIRMED)
    for over in (S.DECLINED, S.SILENT, S.CANCELLED):
        assert not convocation.TRANSITIONS[over]
    with pytest.raises(Conflict) as error:
        convocation.check_transition(S.SILENT, S.CONFIRMED)
    assert error.value.code == "convocation_transition_silent_confirmed"


PASS = Pass("K7MF3PXD", "40", "mont-de-marsan", date(2026, 3, 12), time(10, 15))
SIGNATURE = bytes(range(64))


def test_the_bytes_of_a_pass_are_fixed() -> None:
    """R-39: papers already printed must stay readable."""
    payload = convocation.pass_bytes(PASS)
    assert payload.hex() == "01084b374d46335058440234300e6d6f6e742d64652d6d617273616e" + "00d238c7"
    assert convocation.read_pass(payload) == PASS


def test_the_text_fits_a_small_code_and_a_url() -> None:
    """R-39"""
    text = convocation.encode_qr(convocation.pass_bytes(PASS), SIGNATURE, "qr-2026-1")
    assert re.fullmatch(r"[A-Z0-9-]+", text)
    assert len(text) < 200
    assert convocation.decode_qr(f" {text[:50].lower()}\n{text[50:]} ") == (
        convocation.pass_bytes(PASS),
        SIGNATURE,
        "qr-2026-1",
    )


passes = st.builds(
    Pass,
    *[st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)] * 3,
    st.dates(date(2000, 1, 1), date(2200, 1, 1)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
)


@given(passes, st.binary(min_size=64, max_size=64), st.text(max_size=10))
def test_a_code_comes_back_as_it_went(content: Pass, signature: bytes, kid: str) -> None:
    """R-39"""
    payload = convocation.pass_bytes(content)
    assert convocation.decode_qr(convocation.encode_qr(payload, signature, kid)) == (payload, signature, kid)
    assert convocation.read_pass(payload) == content


@given(st.integers(0, 400), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-"))
def test_every_changed_character_is_seen(position: int, char: str) -> None:
    """R-39"""
    text = convocation.encode_qr(convocation.pass_bytes(PASS), SIGNATURE, "qr1")
    position %= len(text)
    changed = text[:position] + char + text[position + 1 :]
    if changed != text:
        with contextlib.suppress(InvalidInput):
            assert convocation.decode_qr(changed) != (convocation.pass_bytes(PASS), SIGNATURE, "qr1")


@given(st.text(max_size=80) | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=200).map("TDR1-".__add__))
def test_any_other_text_is_unreadable_not_a_fault(text: str) -> None:
    """R-39"""
    with pytest.raises(InvalidInput) as error:
        convocation.read_pass(convocation.decode_qr(text)[0])
    assert error.value.code == "qr_unreadable"


@given(st.binary(max_size=60))
def test_any_other_bytes_are_unreadable_not_a_fault(payload: bytes) -> None:
    """R-39"""
    with contextlib.suppress(InvalidInput):
        assert convocation.pass_bytes(convocation.read_pass(payload)) == payload


@pytest.mark.parametrize("field", ["reference", "territory", "site"])
def test_a_pass_holds_short_plain_codes(field: str) -> None:
    """R-39"""
    for value in ("", "é", "x" * 256):
        texts = {"reference": "A", "territory": "40", "site": "dax"} | {field: value}
        with pytest.raises(InvalidInput):
            convocation.pass_bytes(Pass(**texts, on_date=PASS.on_date, start=PASS.start))
    with pytest.raises(InvalidInput):
        convocation.pass_bytes(Pass("A", "40", "dax", date(1999, 12, 31), PASS.start))
    with pytest.raises(InvalidInput):
        convocation.encode_qr(b"", b"short", "qr1")


@pytest.mark.parametrize(
    ("hours_before", "slot_hour", "due"),
    [(49, 10, False), (48, 10, True), (1, 10, True), (0, 10, False), (48, 7, False)],
)
def test_a_reminder_leaves_two_days_before_at_an_hour_when_people_are_awake(
    hours_before: int, slot_hour: int, due: bool
) -> None:
    """R-41"""
    slot_at = datetime(2026, 3, 12, slot_hour, 30, tzinfo=ZoneInfo("Europe/Paris"))
    assert convocation.reminder_due(slot_at, slot_at - timedelta(hours=hours_before), ZoneInfo("Europe/Paris")) is due
