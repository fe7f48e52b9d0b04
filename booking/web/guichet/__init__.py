"""The counter: the day, the files, the urgent cases. Every address names the territory and the site."""

from booking.web.guichet import appels, attestations, dossiers, identites, journee, recherche, urgences

BLUEPRINTS = (
    journee.blueprint,
    recherche.blueprint,
    dossiers.blueprint,
    attestations.blueprint,
    identites.blueprint,
    appels.blueprint,
    urgences.blueprint,
)
