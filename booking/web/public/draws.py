"""The draws, for everybody: what was promised before, what came out after, and how to check it alone."""

from __future__ import annotations

import json
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request

from booking.domain.beacon import LOCAL
from booking.domain.draw import ClassKey
from booking.domain.errors import NotFound
from booking.domain.witness import token_of
from booking.gateways.catalogues import ROOT
from booking.services import configuration, publications
from booking.services.configuration import Rules
from booking.services.publications import Published
from booking.web import access

KEPT_S = 3600
MOST = 2**31 - 1
STAMP_TYPE = "application/timestamp-reply"
PROGRAMS = frozenset(
    f"{name}.py"
    for name in ("verify_draw", "verify_date", "verify_struck", "verify_log", "verify_receipt", "independence")
)
CHECKED_AT_ONCE = 4
"""Draws that the page of receipts looks into: each file may be large."""
NEWEST, AT_ONCE = 8, 60
"""Draws of each scope on the first page, and on a page of its own; whoever wants more asks for those before."""

blueprint = Blueprint("draws", __name__, url_prefix="/tirages")
ONE = "/<territory>/<family>/<int:number>"


def _rules() -> Rules:
    return configuration.shown(access.world())


def _scopes(limit: int) -> list[dict[str, Any]]:
    """Every territory and family with its newest draws; ``received``: whether a site receives this family."""
    rules, found = _rules(), []
    for place in rules.territories.values():
        for family in rules.catalogue.families.values():
            draws = publications.index(access.world(), place.code, family.code, limit)
            received = bool(place.sites_of(family.code))
            found.append({"territory": place, "family": family, "draws": draws, "received": received})
    return found


@blueprint.get("/")
@access.public
def index() -> str:
    scopes = [scope for scope in _scopes(NEWEST) if scope["draws"] or scope["received"]]
    coming = [publications.coming(access.world(), one["territory"].code, one["family"].code) for one in scopes]
    return render_template("public/tirages.html", scopes=scopes, coming=coming)


@blueprint.get("/<territory>/<family>/")
@access.public
def of_scope(territory: str, family: str) -> str:
    """Every draw of one scope, some sixty at a time; ``avant``: those before a number."""
    rules = _rules()
    place, kind = rules.territory(territory), rules.catalogue.families.get(family)
    if kind is None:
        raise NotFound("family")
    draws = publications.index(access.world(), territory, family, AT_ONCE, _position("avant") or None)
    return render_template("public/tirages_liste.html", territory=place, family=kind, draws=draws)


@blueprint.get("/pourquoi")
@access.public
def why() -> str:
    return render_template("public/tirages_pourquoi.html", local=access.world().beacon.source == LOCAL.source)


@blueprint.get("/mon-recu")
@access.public
def my_receipt() -> str:
    """Everything happens in the browser: the receipt is not sent, and the files asked for are everybody's."""
    scopes = [scope for scope in _scopes(CHECKED_AT_ONCE) if scope["draws"]]
    return render_template("public/tirages_recu.html", scopes=scopes)


@blueprint.get(ONE)
@access.public
def one(territory: str, family: str, number: int) -> str:
    world = access.world()
    draw, rules = publications.one(world, territory, family, number), _rules()
    result = publications.summary(publications.bundle(world, territory, family, number)) if draw.published_at else None
    return render_template(
        "public/tirages_un.html",
        draw=draw,
        promise=json.loads(draw.commitment),
        result=result,
        voiding=publications.voiding(world, draw) if draw.voided else None,
        territory=rules.territory(territory),
        family=rules.catalogue.families[family],
        instant_of=datetime.fromisoformat,
        day_of=lambda text: date.fromisoformat(ClassKey.read(text).on_date),
    )


@blueprint.get(f"{ONE}/engagement.json")
@access.public
def commitment(territory: str, family: str, number: int) -> Response:
    return _file(publications.one(access.world(), territory, family, number).commitment, "application/json")


@blueprint.get(f"{ONE}/tirage.json")
@access.public
def bundle(territory: str, family: str, number: int) -> Response:
    return _newest(publications.bundle(access.world(), territory, family, number), "application/json")


@blueprint.get(f"{ONE}/tirage-avant-<int:version>.json")
@access.public
def bundle_before(territory: str, family: str, number: int, version: int) -> Response:
    """The result as it stood before its ``version``-th correction."""
    found = publications.bundle_before(access.world(), territory, family, number, version)
    return _file(found, "application/json")


@blueprint.get(f"{ONE}/tirage.sig")
@access.public
def signature(territory: str, family: str, number: int) -> Response:
    found: Published = publications.one(access.world(), territory, family, number)
    return _newest(found.signature or abort(404), "application/octet-stream")


@blueprint.get(f"{ONE}/annulation.json")
@access.public
def voiding(territory: str, family: str, number: int) -> Response:
    """The signed statement that a commitment counts no more."""
    found = publications.one(access.world(), territory, family, number)
    return _newest(publications.voiding(access.world(), found).statement, "application/json")


@blueprint.get(f"{ONE}/annulation.sig")
@access.public
def voiding_signature(territory: str, family: str, number: int) -> Response:
    found = publications.one(access.world(), territory, family, number)
    return _newest(publications.voiding(access.world(), found).signature, "application/octet-stream")


@blueprint.get(f"{ONE}/jeton.tsr")
@access.public
def stamp(territory: str, family: str, number: int) -> Response:
    """The authority's answer about the commitment, for openssl ts -verify."""
    found = publications.one(access.world(), territory, family, number)
    return _file(token_of(found.evidence) or abort(404), STAMP_TYPE)


@blueprint.get("/regles/<kind>/<scope>/<int:number>.json")
@access.public
def rules_in_force(kind: str, scope: str, number: int) -> Response:
    return _file(publications.rules(access.world(), kind, scope, number).encode(), "application/json")


@blueprint.get("/registre.txt")
@access.public
def leaves() -> Response:
    """All leaves, or with ``de`` those from that position on, sent in parts: the log may be long."""
    return Response(publications.leaf_lines(access.world(), _position("de")), mimetype="text/plain")


@blueprint.get("/registre/coherence")
@access.public
def consistency() -> Response:
    """That the log of size ``de`` is the beginning of the one of size ``a``. It never changes."""
    return _file(publications.consistency(access.world(), _position("de"), _position("a")), "application/json")


@blueprint.get("/tetes.json")
@access.public
def heads() -> Response:
    """Signed heads from size ``de`` on; ``suite`` says where to go on when there are more."""
    found = publications.heads(access.world(), _position("de"))
    more = len(found) == publications.HEADS_AT_ONCE
    return jsonify(heads=found, suite=found[-1]["size"] + 1 if more else None)


@blueprint.get("/tetes/<int:size>/tete.json")
@access.public
def head(size: int) -> Response:
    """The very bytes that are signed, and stamped once a day."""
    return _file(publications.head(access.world(), size)[0], "application/json")


@blueprint.get("/tetes/<int:size>/jeton.tsr")
@access.public
def head_stamp(size: int) -> Response:
    return _file(publications.head(access.world(), size)[1] or abort(404), STAMP_TYPE)


GUIDE = ROOT / "docs" / "verifier.md"


@blueprint.get("/guide")
@access.public
def guide() -> str:
    """How to check everything, in French: the text of docs/verifier.md as it stands, below its title."""
    return render_template("public/tirages_guide.html", text=GUIDE.read_text("utf-8").partition("\n")[2].strip())


@blueprint.get("/guide.md")
@access.public
def guide_file() -> Response:
    """The same, to keep."""
    return _newest(GUIDE.read_bytes(), "text/markdown; charset=utf-8")


@blueprint.get("/programme/<name>")
@access.public
def program(name: str) -> Response:
    """The programs that check, as text to read before running them."""
    if name not in PROGRAMS:
        abort(404)
    return _newest((ROOT / "verifier" / name).read_bytes(), "text/plain; charset=utf-8")


def _file(data: bytes, media_type: str) -> Response:
    """A file that never changes once it is there."""
    answer = Response(data, content_type=media_type)
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_S}"
    return answer


def _newest(data: bytes, media_type: str) -> Response:
    """A file that a correction replaces: caches ask each time, so that a result and its signature always match."""
    answer = Response(data, content_type=media_type)
    answer.headers["Cache-Control"] = "public, no-cache"
    answer.set_etag(sha256(data).hexdigest())
    answer.make_conditional(request)
    return answer


def _position(name: str) -> int:
    """A position, a size of the log or a number in the address; 404 for one that nothing reaches."""
    asked: int = request.args.get(name, 0, type=int)
    if asked > MOST:
        abort(404)
    return max(asked, 0)
