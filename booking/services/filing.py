"""Registering a need: one form shown is one demande, whatever is clicked twice, in two tabs or by two people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from booking.domain import checks as check_rules
from booking.domain import demande as rules
from booking.domain.accounts import ANYWHERE, Actor, Role
from booking.domain.convocation import standing_acceptance
from booking.domain.demande import Availability, Channel, Contact, DemandeState, Obstacle, Proof
from booking.domain.demarche import Asked, Asker, Jurisdiction, Minors, Motif
from booking.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from booking.domain.identity import Identifier, IdentifierKind, Identity
from booking.domain.territory import Territory
from booking.ports import World
from booking.services import checks, codes, configuration, log, persons
from booking.services.configuration import Rules
from booking.services.demande import check_availability
from booking.services.log import Receipt as LogReceipt
from booking.services.notices import written_ways
from booking.services.persons import Details
from booking.services.transaction import USAGER, Transaction, attempt
from booking.store import demande as rows
from booking.store.base import insert_now
from booking.store.demande import Demande

ADULT_AGE_YEARS = 18
_ASKERS = {Channel.WEB: Asker.USAGER, Channel.REFERENT: Asker.REFERENT}
IDENTIFIERS = {
    Asked.FOREIGNER_NUMBER: IdentifierKind.AGDREF,
    Asked.SUPPORT_NUMBER: IdentifierKind.TITLE,
    Asked.PASSPORT_NUMBER: IdentifierKind.PASSPORT,
    Asked.ANTS_NUMBER: IdentifierKind.ANTS,
    Asked.NEPH: IdentifierKind.NEPH,
    Asked.PLATE: IdentifierKind.PLATE,
    Asked.FORMULA_NUMBER: IdentifierKind.FORMULE,
    Asked.VIN: IdentifierKind.VIN,
}
YEARS = range(1900, 2200)
"""Of dates that mean something here; beyond, a legal window would leave the calendar."""
_DATES = (Asked.EXPIRY_ON, Asked.ENTRY_ON)


@dataclass(frozen=True, slots=True)
class Filing:
    """What was said. ``details``: code of :class:`Asked` → ISO date or number, only what the motif asks is kept.

    ``commune``: INSEE code, where residence decides. ``structure``: who files or helps; ``household``: several people
    share this contact. ``document_seen``: kind of the document that staff saw. ``welcome``: needs on arrival.
    ``news``: wants a message after each draw. ``obstacle``: why help is needed, for public statistics only.
    """

    territory: str
    motif: str
    identity: Identity
    contact: Contact
    availability: Availability
    details: Mapping[str, str] = field(default_factory=dict)
    lang: str = "fr"
    firm: bool = False
    commune: str | None = None
    structure: str | None = None
    household: bool = False
    welcome: str = ""
    document_seen: str | None = None
    news: bool = True
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a filing gives back. ``link`` is the token of the status page, ``code`` opens it with the reference.

    ``log``: the entry with its salt and signed promise; None while the demande is provisional. ``code_expected``: a
    one-time code went to the contact and has not been entered yet. ``repeated``: this form was registered before.
    """

    demande_id: UUID
    reference: str
    code: str
    link: str
    state: DemandeState
    territory: str
    family: str
    motif: str
    filed_at: datetime
    code_expected: bool
    log: LogReceipt | None
    repeated: bool = field(default=False, compare=False)


def file(world: World, filing: Filing, idempotency_key: str, channel: Channel, actor: Actor | None = None) -> Receipt:
    """Register a need. The same ``idempotency_key`` again, even at the same time, gives the same demande and receipt.

    By the web: provisional, with a one-time code sent to the contact if there is one. By staff (``actor``): admitted at
    once. Raises InvalidInput with fields, Forbidden, TooMany, NotFound('territory').
    """
    if not idempotency_key:  # two forms without a key would be one demande, of the first person
        raise InvalidInput("form_altered")
    if channel is Channel.WEB:
        refused = _limit(world, filing, idempotency_key)
        if refused is not None:
            return refused
    else:
        _check_actor(filing, channel, actor)

    rules_in_force = configuration.shown(world)

    def act(tx: Transaction) -> Receipt:
        demande = rows.by_idempotency_key(tx.session, idempotency_key)
        if demande is not None:
            return replace(_receipt(world, tx.session, demande), repeated=True)
        return _receipt(world, tx.session, _register(tx, rules_in_force, filing, idempotency_key, channel, actor))

    return attempt(world, act)


def _limit(world: World, filing: Filing, idempotency_key: str) -> Receipt | None:
    """Count a filing by the web. A click too many on a form that was registered gets its receipt, not a refusal."""
    counted = persons.contact_digest(world, filing.contact)
    keys = {"all": "all"} | ({"contact": counted.hex()} if counted else {})
    try:
        world.limits.check("file", keys, world.clock.now())
    except TooMany:
        try:
            return replace(receipt(world, idempotency_key), repeated=True)
        except NotFound:
            pass
        raise
    return None


def receipt(world: World, idempotency_key: str) -> Receipt:
    """The receipt again, for whoever still holds the form's key. Raises NotFound, Conflict('receipt_over').

    It is over once a document was seen: link and code were then given to that person.
    """
    with world.reading() as session:
        demande = rows.by_idempotency_key(session, idempotency_key)
        if demande is None:
            raise NotFound("demande")
        return _receipt(world, session, demande)


def _check_actor(filing: Filing, channel: Channel, actor: Actor | None) -> None:
    if actor is None:
        raise Forbidden("missing_right")
    if channel is Channel.REFERENT:
        actor.require(Role.REFERENT, filing.territory, filing.structure or ANYWHERE)
    else:
        actor.require(Role.AGENT, filing.territory)


def _register(
    tx: Transaction, in_force: Rules, filing: Filing, idempotency_key: str, channel: Channel, actor: Actor | None
) -> Demande:
    territory = in_force.territory(filing.territory)
    motif = in_force.catalogue.motifs.get(filing.motif)
    if motif is None:
        raise InvalidInput("filing_refused", fields={"motif": "motif_unknown"})
    kept = {key: value for key, value in filing.details.items() if key in motif.asks and value.strip()}
    filing = replace(filing, details=kept, identity=_with_numbers(filing.identity, kept))
    _check(tx, filing, motif, territory, channel)
    demande = _row(tx, filing, motif, territory, idempotency_key, channel, actor)
    by = actor or USAGER
    facts = {"channel": str(channel), "family": motif.family}
    if filing.obstacle is not None:
        facts["obstacle"] = str(filing.obstacle)
    tx.note(by, "demande_filed", f"demande:{demande.id}", demande.territory, **facts)
    if demande.state is DemandeState.ADMITTED:
        checks.admit(tx, demande, demande.proof, by)
    elif demande.contact_digest is not None:
        codes.post_code(tx, demande)
    return demande


def _with_numbers(identity: Identity, details: Mapping[str, str]) -> Identity:
    numbers = [Identifier(IDENTIFIERS[Asked(key)], value) for key, value in details.items() if key in IDENTIFIERS]
    return replace(identity, identifiers=tuple(dict.fromkeys([*identity.identifiers, *numbers])))


def _check(tx: Transaction, filing: Filing, motif: Motif, territory: Territory, channel: Channel) -> None:
    errors = {**_manner_errors(tx, filing, motif, territory, channel), **_contact_errors(tx, filing)}
    for key in _DATES:
        if key in filing.details and _date(filing.details[key]) is None:
            errors[key] = "not_a_date"
    if filing.structure is not None and filing.structure not in territory.structures:
        errors["structure"] = "structure_unknown"
    if errors:
        raise InvalidInput("filing_refused", fields=errors)
    check_availability(territory, motif.family, filing.availability)


def _manner_errors(
    tx: Transaction, filing: Filing, motif: Motif, territory: Territory, channel: Channel
) -> dict[str, str]:
    errors = {}
    if _ASKERS.get(channel, Asker.AGENT) not in motif.manner.asked_by:
        errors["motif"] = "motif_not_for_channel"
    if motif.manner.jurisdiction is Jurisdiction.RESIDENCE and filing.commune not in (None, *territory.communes):
        errors["commune"] = "commune_elsewhere"
    years = tx.now.astimezone(territory.zone).year - filing.identity.birth.year
    if motif.manner.minors is Minors.NO and years < ADULT_AGE_YEARS:
        errors["birth_year"] = "minor_refused"
    return errors


def _contact_errors(tx: Transaction, filing: Filing) -> dict[str, str]:
    digest = persons.contact_digest(tx.world, filing.contact)
    if digest is None or filing.household or filing.structure:
        return {}
    full = rows.live_on_contact(tx.session, digest) >= rules.MAX_LIVE_PER_UNVERIFIED_CONTACT
    return {"email" if filing.contact.email else "phone": "contact_shared"} if full else {}


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def _row(
    tx: Transaction,
    filing: Filing,
    motif: Motif,
    territory: Territory,
    idempotency_key: str,
    channel: Channel,
    actor: Actor | None,
) -> Demande:
    on = tx.now.astimezone(territory.zone).date()
    declared = {key: found for key in _DATES if (found := _date(filing.details.get(key, "")))}
    window = motif.legal_window(declared)
    proof = Proof.DOCUMENT if actor and filing.document_seen else Proof.DECLARED
    demande = Demande(
        id=tx.new_id(),
        reference=check_rules.reference_from_entropy(tx.world.entropy.token_bytes(16)),
        idempotency_key=idempotency_key,
        territory=territory.code,
        family=motif.family,
        motif=motif.code,
        state=rules.state_at_filing(channel),
        channel=channel,
        proof=proof,
        structure=filing.structure,
        filed_by_id=actor.account_id if actor else None,
        lang=filing.lang,
        availability=persons.availability_to_plain(filing.availability),
        firm=standing_acceptance(filing.contact, document_seen=proof is Proof.DOCUMENT, wanted=filing.firm),
        news=filing.news,
        useful_on=rules.useful_from(declared.get(Asked.EXPIRY_ON), motif.useful_days_before_expiry, on),
        deadline_on=window[1] if window else None,
        filed_at=tx.now,
        last_sign_at=tx.now,
    )
    _seal(tx, demande, filing, filing.document_seen if actor else None)
    insert_now(tx.session, demande)
    return demande


def _seal(tx: Transaction, demande: Demande, filing: Filing, document_seen: str | None) -> None:
    details = {**filing.details, **({"commune": filing.commune} if filing.commune else {})}
    persons.seal_identity(tx.world, demande, filing.identity)
    persons.seal_contact(tx.world, demande, filing.contact)
    persons.seal_details(tx.world, demande, Details(details, filing.household, filing.welcome, document_seen))
    persons.renew_secrets(tx.world, demande)


def _receipt(world: World, session: Session, demande: Demande) -> Receipt:
    secrets = persons.secrets_of(world, demande)
    if secrets is None or demande.secrets_number > 1:
        raise Conflict("receipt_over")
    contact = persons.contact_of(world, demande)
    return Receipt(
        demande_id=demande.id,
        reference=demande.reference,
        code=secrets.code,
        link=secrets.link,
        state=demande.state,
        territory=demande.territory,
        family=demande.family,
        motif=demande.motif,
        filed_at=demande.filed_at,
        code_expected=demande.state is DemandeState.PROVISIONAL and bool(written_ways(contact)),
        # An entry of the log is made at admission: before it there is none to look for.
        log=None if demande.state is DemandeState.PROVISIONAL else log.receipt_of(world, session, demande),
    )
