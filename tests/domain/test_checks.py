"""Numbers, fields, codes, references and contact keys: R-10 to R-19 of docs/regles.md."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import checks
from booking.domain.checks import CodeOutcome, CodeState
from booking.domain.errors import InvalidInput
from booking.domain.identity import BirthDate, IdentifierKind

K = IdentifierKind
TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "typed", "warnings"),
    [
        (K.AGDREF, "75 03 01 23 45", ()),
        (K.AGDREF, "٧٥٠٣٠١٢٣٤٥", ()),
        (K.AGDREF, "750301234", ("agdref_nine_digits",)),
        (K.AGDREF, "75030123", ("agdref_shape",)),
        (K.AGDREF, "75030123AB", ("agdref_shape",)),
        (K.AGDREF, " ", ()),
        (K.NEPH, "140275100123", ()),
        (K.NEPH, "141375100123", ("neph_month",)),
        (K.NEPH, "140075100123", ("neph_month",)),
        (K.NEPH, "1402751", ("neph_shape",)),
        (K.PLATE, "ab-123-cd", ()),
        (K.PLATE, "AB-000-CD", ("plate_shape",)),
        (K.PLATE, "SS-123-CD", ("plate_shape",)),
        (K.PLATE, "AB-123-SS", ("plate_shape",)),
        (K.PLATE, "AI-123-CD", ("plate_shape",)),
        (K.PLATE, "WW-123-AB", ("plate_provisional",)),
        (K.PLATE, "1234 AB 40", ()),
        (K.PLATE, "123 ABC 2A", ()),
        (K.PLATE, "12 AB 974", ()),
        (K.PLATE, "1 AB 40", ("plate_shape",)),
        (K.FORMULE, "2014 ab 12345", ()),
        (K.FORMULE, "2014A12345", ("formule_shape",)),
        (K.VIN, "VF1RFB00X56789012", ()),
        (K.VIN, "VF1RFB00O56789012", ("vin_shape",)),
        (K.ANTS, "ab12cd34ef", ()),
        (K.ANTS, "AB12CD34E", ("ants_shape",)),
        (K.PASSPORT, "L898902C3", ()),
        (K.PASSPORT, "L898902C36", ()),
        (K.PASSPORT, "L898902C37", ("document_number_check_digit",)),
        (K.TITLE, "12", ("document_number_shape",)),
        (K.TITLE, "éééééé", ("document_number_shape",)),
    ],
)
def test_a_number_warns(kind: IdentifierKind, typed: str, warnings: tuple[str, ...]) -> None:
    """R-10"""
    assert checks.identifier_warnings(kind, typed) == warnings


@given(st.sampled_from(list(K)), st.text(max_size=100))
def test_no_number_is_ever_refused(kind: IdentifierKind, typed: str) -> None:
    """R-10: whatever is typed gives warnings, never an exception."""
    assert all(code.isascii() for code in checks.identifier_warnings(kind, typed))


# The specimens of ICAO Doc 9303, parts 4, 5 and 6.
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"


@pytest.mark.parametrize("specimen", [TD1, TD2, TD3])
def test_specimens_of_the_standard_pass(specimen: str) -> None:
    """R-11"""
    assert checks.mrz_warnings(specimen) == ()
    assert checks.identifier_warnings(K.PASSPORT, specimen.replace("\n", "  ").lower()) == ()


@pytest.mark.parametrize(
    ("specimen", "right", "wrong", "warnings"),
    [
        (TD3, "L898902C3", "L898902C4", ("mrz_number", "mrz_composite")),
        (TD3, "7408122", "7408132", ("mrz_birth", "mrz_composite")),
        (TD3, "1204159", "1204158", ("mrz_expiry", "mrz_composite")),
        (TD3, "ZE184226B", "ZE184226C", ("mrz_personal", "mrz_composite")),
        (TD3, "<10", "<11", ("mrz_composite",)),
        (TD1, "7408122", "7408121", ("mrz_birth", "mrz_composite")),
        (TD2, "D23145890", "D23145891", ("mrz_number", "mrz_composite")),
    ],
)
def test_a_wrong_digit_is_named(specimen: str, right: str, wrong: str, warnings: tuple[str, ...]) -> None:
    """R-11"""
    assert checks.mrz_warnings(specimen.replace(right, wrong)) == warnings


def test_a_long_document_number_goes_on_in_the_optional_data() -> None:
    """R-11: the long-number specimen of ICAO Doc 9303, part 5."""
    upper = "I<UTOD23145890<7349<<<<<<<<<<<"
    composite = checks.mrz_check_digit(upper[5:] + "7408122" + "1204159" + "<" * 11)
    text = upper + "7408122F1204159UTO" + "<" * 11 + composite + "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
    assert checks.mrz_check_digit("D23145890734") == "9"
    assert checks.mrz_warnings(text) == ()
    assert checks.mrz_warnings(text.replace("7349", "7348"))[0] == "mrz_number"


def test_a_zone_of_no_known_size_is_one_warning() -> None:
    """R-11"""
    assert checks.mrz_warnings(TD3[:-1]) == ("mrz_shape",)
    assert checks.mrz_warnings(TD3.replace("ERIKSSON", "ÉRIKSSON")) == ("mrz_shape",)


def filing(**changes: str) -> dict[str, str]:
    return {"family_name": "Diallo", "birth_year": "1990", "birth_country": "GN"} | changes


def test_one_name_a_year_and_a_country_are_enough() -> None:
    """R-12"""
    assert checks.filing_errors(filing(), TODAY) == {}
    assert checks.filing_errors(filing(family_name="", given_names="Sukarno"), TODAY) == {}
    assert checks.filing_errors(filing(birth_country="", birth_place="Dax"), TODAY) == {}


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"family_name": " - "}, {"family_name": "name_missing"}),
        ({"family_name": "x" * 101}, {"family_name": "too_long"}),
        ({"birth_year": ""}, {"birth_year": "birth_year_missing"}),
        ({"birth_year": "abc"}, {"birth_year": "birth_date_number"}),
        ({"birth_month": "2", "birth_day": "30"}, {"birth_day": "birth_date_impossible"}),
        ({"birth_day": "3"}, {"birth_month": "birth_month_missing"}),
        ({"birth_year": "2026", "birth_month": "3", "birth_day": "11"}, {"birth_year": "birth_date_future"}),
        ({"birth_year": "1905"}, {"birth_year": "birth_date_too_old"}),
        ({"birth_country": ""}, {"birth_country": "birth_country_missing"}),
        ({"birth_country": "99999"}, {"birth_country": "birth_country_unknown"}),
        ({"email": "awa.example.org"}, {"email": "email_shape"}),
        ({"phone": "12"}, {"phone": "phone_shape"}),
        ({"email": "awa@example.org", "phone": "+33 5 58 00 00 00"}, {}),
    ],
)
def test_each_field_says_what_is_wrong(changes: dict[str, str], errors: dict[str, str]) -> None:
    """R-12"""
    assert checks.filing_errors(filing(**changes), TODAY) == errors


def test_a_birth_date_in_arabic_digits() -> None:
    """R-12"""
    assert checks.read_birth("١٩٩٠", "٠٥", " 12 ", TODAY) == BirthDate(1990, 5, 12)
    with pytest.raises(InvalidInput):
        checks.read_birth("-990", "", "", TODAY)


@given(
    st.dictionaries(st.sampled_from([*filing(), "birth_day", "birth_month", "email", "phone"]), st.text(max_size=120))
)
def test_no_filing_is_an_exception(typed: dict[str, str]) -> None:
    """R-12"""
    assert set(checks.filing_errors(typed, TODAY)) <= {
        *typed,
        "family_name",
        "birth_year",
        "birth_country",
        "birth_month",
    }


def test_codes_are_six_digits_that_cannot_be_misread() -> None:
    """R-13"""
    assert checks.one_time_code(b"\x00\x00\x00") == "222222"
    assert checks.one_time_code(b"\xff\xff\xff") == "999999"
    codes = {checks.one_time_code(n.to_bytes(3, "big")) for n in range(0, 1 << 18, 64)}
    assert len(codes) == (1 << 18) // 64
    assert checks.normalise_code(" 234 567 ") == checks.normalise_code("٢٣٤-٥٦٧") == "234567"


def test_a_code_serves_once_within_fifteen_minutes() -> None:
    """R-14"""
    state = CodeState(NOW)
    last_second = NOW + timedelta(minutes=15, seconds=-1)
    used, outcome = checks.attempt_code(state, matches=True, now_at=last_second)
    assert outcome is CodeOutcome.ACCEPTED
    assert checks.attempt_code(used, matches=True, now_at=last_second) == (used, CodeOutcome.USED)
    late = checks.attempt_code(state, matches=True, now_at=NOW + timedelta(minutes=15))
    assert late == (state, CodeOutcome.EXPIRED)


@given(st.lists(st.booleans(), max_size=12))
def test_five_attempts_and_no_more(guesses: list[bool]) -> None:
    """R-14: a right code after five wrong ones is refused, whatever follows."""
    state, outcomes = CodeState(NOW), []
    for matches in guesses:
        state, outcome = checks.attempt_code(state, matches=matches, now_at=NOW)
        outcomes.append(outcome)
    assert outcomes.count(CodeOutcome.ACCEPTED) == int(True in guesses[:5])
    assert outcomes.count(CodeOutcome.WRONG) <= 5


def test_codes_are_not_sent_in_a_burst() -> None:
    """R-15"""
    minutes = [timedelta(minutes=m) for m in (0, 2, 4)]
    assert checks.resend_wait_s((), NOW) == 0
    assert checks.resend_wait_s((NOW,), NOW + timedelta(seconds=10)) == 50
    assert checks.resend_wait_s((NOW,), NOW + timedelta(seconds=60)) == 0
    three = tuple(NOW + m for m in minutes)
    assert checks.resend_wait_s(three, NOW + timedelta(minutes=6)) == 54 * 60
    six = tuple(NOW + timedelta(hours=2 * h) for h in range(6))
    assert checks.resend_wait_s(six, NOW + timedelta(hours=12)) == 12 * 3600


@given(st.lists(st.integers(0, 86400), max_size=10), st.integers(0, 86400))
def test_after_the_announced_wait_a_code_may_leave(sent_s: list[int], later_s: int) -> None:
    """R-15"""
    sent = tuple(NOW + timedelta(seconds=s) for s in sent_s)
    now = NOW + timedelta(seconds=86400 + later_s)
    wait = checks.resend_wait_s(sent, now)
    assert checks.resend_wait_s(sent, now + timedelta(seconds=wait)) == 0
    if wait:
        assert checks.resend_wait_s(sent, now + timedelta(seconds=wait - 1)) > 0


@given(st.binary(min_size=16, max_size=16))
def test_a_reference_survives_eyes_and_hands(entropy: bytes) -> None:
    """R-16"""
    reference = checks.reference_from_entropy(entropy)
    assert len(reference) == 8
    assert not set(reference) & set("01OILQSZBGUW")
    shown = f"{reference[:4]}-{reference[4:]}"
    for typed in (shown, shown.lower(), f" {' '.join(reference)} ", reference.replace("5", "S").replace("2", "z")):
        assert checks.normalise_reference(typed) == reference


def test_a_misread_reference_is_understood_and_an_impossible_one_is_not() -> None:
    """R-16"""
    assert checks.normalise_reference("k7mf 3pxo") == "K7MF3PXD"
    assert checks.normalise_reference("KIMF-B6Z5") == "KJMF8625"
    assert checks.normalise_reference("K7MF-3PX") is None
    assert checks.normalise_reference("K7MF-3PXL") is None
    assert checks.normalise_reference("") is None


def test_one_mailbox_has_one_key() -> None:
    """R-17"""
    assert checks.mailbox_key("Awa.Diop+rdv@GMail.com") == checks.mailbox_key("awadiop@googlemail.com")
    assert checks.mailbox_key("Awa.Diop+rdv@example.org") == "awa.diop@example.org"
    assert checks.mailbox_key("awa.diop@example.org") != checks.mailbox_key("awadiop@example.org")
    assert checks.mailbox_key("+tag@example.org") == "+tag@example.org"


def test_one_telephone_has_one_key() -> None:
    """R-17"""
    assert {checks.phone_key(p) for p in ("+33 6 00 00 00 00", "0033 600 000 000", "+33 (0)6.00.00.00.00")} == {
        "33600000000"
    }
    assert checks.phone_key("05 58 00 00 00") == "0558000000"


@pytest.mark.parametrize("typed", ["\u3164", "Zola\ufe0f", "\u0301", "Zo\u115fla"])
def test_a_name_is_seen(typed: str) -> None:
    """R-115"""
    assert checks.name_errors({"family_name": typed}) == {"family_name": "name_unseen"}
    assert checks.name_errors({"family_name": "Zoe\u0301", "given_names": "", "birth_place": "\u5317\u4eac"}) == {}
