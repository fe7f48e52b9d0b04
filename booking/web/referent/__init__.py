"""Referents of a structure: they register, print and follow the files of people who came to them."""

from booking.web.referent import attestations, avec_code, changements, identites, suivi

BLUEPRINTS = (
    suivi.blueprint,
    avec_code.blueprint,
    identites.blueprint,
    changements.blueprint,
    attestations.blueprint,
)
