"""Pages behind a secret link: who holds the link is the person. No cache, no referrer, no search engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, Response, request

from booking.domain.demarche import Family, Motif
from booking.domain.territory import Territory
from booking.services import configuration, status
from booking.services.status import Status
from booking.web import access

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A demande as its pages need it: where it stands, the rules in force where it was filed, the local date there.

    ``version``: names those rules.
    """

    link: str
    status: Status
    territory: Territory
    family: Family
    motif: Motif
    today: date
    version: str

    @property
    def zone(self) -> str:
        return self.territory.zone.key

    @property
    def page(self) -> str:
        """The address of the status page."""
        return f"/s/{self.link}"


def case(link: str) -> Case:
    """The case behind a link. Raises NotFound('demande')."""
    world = access.world()
    found = status.status_by_link(world, link)
    rules, now = configuration.shown(world), world.clock.now()
    territory = rules.territory(found.territory)
    family, motif = rules.catalogue.families[found.family], rules.catalogue.motifs[found.motif]
    return Case(link, found, territory, family, motif, now.astimezone(territory.zone).date(), rules.mark)


def carries_secret(rule: str) -> bool:
    """Whether an address, as the pattern of its route, holds the secret link.

    Its forms need no token against forged requests: who can name the address holds the link already, and with it
    everything that the form could do. Without a token the page needs no session, hence no cookie.
    """
    return rule.startswith("/s/<link>")


def own_page(code: str) -> str | None:
    """The status page under which the present address lies; None elsewhere, and when its link opens nothing.

    ``code``: of the error that is shown; “demande” says that the link is not one of ours, or no longer.
    """
    rule, link = request.url_rule, (request.view_args or {}).get("link")
    return f"/s/{link}" if rule and carries_secret(rule.rule) and link and code != "demande" else None


def language_action() -> str:
    """Where the language buttons of a page send: behind a link they also choose the language of its messages."""
    return f"{own_page('') or ''}/langue"


def close(blueprint: Blueprint) -> None:
    """All pages of ``blueprint`` carry a secret in their address."""
    blueprint.after_request(_closed)


def _closed(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
