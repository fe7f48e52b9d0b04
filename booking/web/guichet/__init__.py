"""The counter: the day, the files, the urgent cases. Every address names the territory and the site."""

from booking.web.guichet import appels, attestations, changements, dossiers, identites, journee, recherche, urgences

BLUEPRINTS = (
    journee.blueprint,
    recherche.blueprint,
    dossiers.blueprint,
    attestations.blueprint,
    identites.blueprint,
    changements.blueprint,
    appels.blueprint,
    urgences.blueprint,
)
