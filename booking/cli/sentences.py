"""What the terminal says for each code of a refusal: one line, what is wrong and what to do. Operators read English."""

from __future__ import annotations

from booking.domain.configuration import InvalidConfiguration
from booking.domain.errors import BookingError

SENTENCES = {
    "account": "No account has this login.",
    "batch": "No draw has this number. See: booking draw list",
    "beacon_signature": "This signature is not that of the round that the draw waits for.",
    "beacon_signature_format": "A signature is 48 bytes: 96 hexadecimal digits.",
    "certificate_forged": "This certificate is not signed by any of these keys: it is false, or it was changed.",
    "certificate_unreadable": "This is not the text of a certificate, or a part of it is missing.",
    "clock_backwards": "The clock is before the journal's newest row: set it by NTP. No draw runs until then.",
    "configuration": "No rules are in force yet. Run: booking config apply config/demarches.toml",
    "database_down": "The database does not answer. See: booking doctor",
    "demande": "No demande has this reference.",
    "demonstration_only": "This exists in the demonstration only. BOOKING_MODE says that this is production.",
    "draw_under_way": "A draw of this need is under way already. See: booking draw list",
    "family_in_use": "{hint} use it: it cannot go. End its openings (valid_until), leave its motifs to agents.",
    "invalid_configuration": "The file holds mistakes; nothing was written.",
    "kind_unclear": "The file is neither démarches (families, motifs) nor a territory (sites, guichets, openings).",
    "key": "No key has this kid. See: booking keys list",
    "key_current": "This key still serves. Make a newer one first: booking keys rotate PURPOSE",
    "key_missing": "What was asked cannot be opened: it was erased, or its key is not in BOOKING_KEYS_DIR.",
    "key_purpose": "There is no such purpose of a key. See: booking keys list",
    "motif_in_use": "{hint} use it: it cannot go. Leave it to agents (asked_by) until they end.",
    "site_in_use": "{hint} use it: it cannot go. End its address (valid_until) instead, it gives no slot afterwards.",
    "login_missing": "Say a login.",
    "login_taken": "This login exists already.",
    "round_not_out": "The hour of that round has not come by this machine's clock: is the clock right?",
    "list_altered": "Lines or places are no longer those of the commitment. Keep a copy of the database; draw nothing.",
    "result_altered": "Lines are no longer those of the sealed result. Keep a copy of the database; offer nothing.",
    "not_awaiting_beacon": "This draw waits for no signature. See: booking draw list",
    "password_too_short": "The password is too short: 12 characters or more.",
    "passwords_differ": "The two passwords are not the same.",
    "place_unknown": "This place is neither a site nor a structure of the territory.",
    "scope": "No territory has this need: check --territory and --family.",
    "territory": "There is no such territory.",
    "unknown_choice": "not one of the choices: {hint}.",
    "unknown_code": "nothing has this code. There are: {hint}.",
    "unknown_family": "no family has this code: {hint}.",
    "unknown_kind": "There is no such kind of configuration.",
    "version": "No rules were ever written under this name.",
    "valid_from_past": "The instant of --from is past.",
}


def sentence(code: str, hint: str = "") -> str:
    """One line for a code; the code itself stays at its end, for whoever is asked for help."""
    known = SENTENCES.get(code)
    return f"{known.format(hint=hint)} ({code})" if known else f"Refused: {code}"


def lines(error: BookingError) -> list[str]:
    """The refusal, then a line a field."""
    hints = error.hints if isinstance(error, InvalidConfiguration) else {}
    fields = [
        f"  {field}: {_of_field(code, hints.get(field, ''))}"
        for field, code in sorted(error.fields.items())
        if code != error.code
    ]
    return [sentence(error.code), *fields]


def _of_field(code: str, hint: str) -> str:
    known = SENTENCES.get(code)
    if known is None or ("{hint}" in known and not hint):
        return code
    return f"{known.format(hint=hint)}" + (f" ({code})" if "{hint}" in known else "")
