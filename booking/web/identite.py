"""A person's document in front of an agent or a referent: reading the forms about it, and doing what they say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from booking.domain import checks
from booking.domain.demande import Contact, Proof
from booking.domain.errors import InvalidInput
from booking.domain.guichet import DocumentKind
from booking.domain.identity import Element, Identity
from booking.gateways import catalogues
from booking.gateways.catalogues import Language, Lazy, lazy_gettext
from booking.services import checks as checks_service
from booking.services import files
from booking.services.files import File
from booking.web import access, papers, saisie
from booking.web.public import reading

_BIRTH = ("birth_day", "birth_month", "birth_year")
OWN, ANOTHER = "oui", "non"
ONE_ENTRY = lazy_gettext(
    "Une pièce n’ouvre qu’une demande : celle qui est écrite comme elle. Une autre demande, écrite autrement, a "
    "attendu en même temps : celle-ci ne peut donc pas être corrigée. L’autre demande est celle de quelqu’un d’autre ? "
    "Dites-le à l’agent : cette personne montre sa pièce, et la correction devient possible."
)
"""R-75, to the person at the counter."""
ONE_OF_ALIKE = lazy_gettext(
    "Une autre demande a le même nom et la même naissance. Rien ne les distingue, sauf le numéro étranger. Un document "
    "n’ouvre qu’une des deux : celle qui porte son numéro, sinon la plus ancienne. Aujourd’hui, ce n’est pas celle-ci. "
    "Vous gardez votre rang. Si votre document porte un numéro étranger, il est maintenant noté : à un prochain "
    "tirage, il vous fera reconnaître. Vous n’êtes pas d’accord ? Vous pouvez écrire à la préfecture."
)
"""R-76, to the person at the counter."""


def shown(file: File, form: Mapping[str, str]) -> dict[str, str]:
    """What stands in the fields: what came back, else what the file says."""
    year, month, day = [*file.identity.birth.text.split("-"), "", ""][:3]
    on_file = {
        "family_name": file.identity.family_name,
        "given_names": file.identity.given_names,
        "birth_year": year,
        "birth_month": month,
        "birth_day": day,
        "birth_place": file.identity.birth_place,
        "birth_country": file.identity.birth_country,
    }
    return {name: form.get(name, value) for name, value in on_file.items()}


def read(form: Mapping[str, str], file: File, on: date) -> Identity:
    """The identity as on the document; the numbers on file stay. ``on``: today's local date. Raises InvalidInput."""
    typed = {name: form.get(name, "")[:200].strip() for name in shown(file, {})}
    errors = checks.name_errors(typed)
    # The country on file may be written with the code of another register: it is one answer more.
    if typed["birth_country"] not in {"", file.identity.birth_country, *dict(saisie.countries())}:
        errors["birth_country"] = "birth_country_unknown"
    if errors:
        raise InvalidInput(next(iter(errors.values())), fields=errors)
    birth = checks.read_birth(typed["birth_year"], typed["birth_month"], typed["birth_day"], on)
    numbers = file.identity.identifiers
    names = (typed["family_name"], typed["given_names"])
    return Identity(*names, birth, typed["birth_place"], typed["birth_country"], numbers)


def confirmed(form: MultiDict[str, str]) -> frozenset[str]:
    """The elements that the document shows as they are on file."""
    return frozenset(form.getlist("montre")) & frozenset(Element)


def document(form: Mapping[str, str]) -> DocumentKind:
    """The kind of document seen. Raises InvalidInput('document_missing')."""
    try:
        return DocumentKind(form.get("document", ""))
    except ValueError:
        raise InvalidInput("document_missing", fields={"document": "document_missing"}) from None


def contact(form: Mapping[str, str]) -> Contact | None:
    """The contact that replaces the one on file; None: the person says that it is theirs. Raises InvalidInput."""
    email, typed, postal = (form.get(name, "")[:200].strip() for name in ("email", "phone", "postal"))
    # Whoever typed another one and forgot the box is not made to type it again.
    if form.get("contact", OWN) != ANOTHER and not (email or typed or postal):
        return None
    phone = reading.phone(typed) if typed else None
    errors = checks.contact_errors({"email": email, "phone": phone or ""})
    if typed and phone is None:
        errors["phone"] = "phone_shape"
    if errors:
        raise InvalidInput(next(iter(errors.values())), fields=errors)
    return Contact(email or None, phone, postal or None)


def note_document(file: File, form: Mapping[str, str]) -> None:
    """The document agrees with the file. Raises InvalidInput, Conflict('not_admitted'), Forbidden."""
    checks_service.document_seen(access.world(), file.id, access.actor(), document(form), contact(form))


def correct(file: File, form: MultiDict[str, str]) -> bool:
    """The file says what the document says; True when link and code changed by it, to be handed over on paper.

    Raises InvalidInput, Conflict when the rule refuses ('correction_…'), Forbidden.
    """
    world, actor = access.world(), access.actor()
    today = world.clock.now().astimezone(ZoneInfo(file.zone)).date()
    seen, wanted = document(form), read(form, file, today)
    checks_service.correct_identity(world, file.id, wanted, actor, seen, confirmed(form))
    return file.proof < Proof.DOCUMENT


def code_paper(file: File) -> dict[str, Any]:
    """What the paper with link and code shows. Raises NotFound('secrets')."""
    world = access.world()
    secrets = files.secrets(world, access.actor(), file)
    return {"file": file, "secrets": secrets, **papers.ways_back(file, secrets.link)}


def page_values(file: File, form: MultiDict[str, str]) -> dict[str, Any]:
    """What templates/macros/identite.html is given."""
    said = {"countries": saisie.countries(), "told": in_each_language(ONE_ENTRY)}
    return {"file": file, "shown": shown(file, form), "typed": form, **said}


def in_each_language(said: Lazy) -> list[tuple[Language, str]]:
    """What a refusal says to whoever is there; staff pages are in French, the person may not be."""
    found = []
    for code in catalogues.LANGUAGES:
        with catalogues.using(code) as language:
            found.append((language, str(said)))
    return found


def on_page(refused: InvalidInput) -> dict[str, str]:
    """Errors by the place where the page shows them: the three fields of the birth date share one."""
    found = {("birth" if name in _BIRTH else name): code for name, code in refused.fields.items()}
    return found or {"document": refused.code}
