"""The counter: the day, the files, the urgent cases. Every address names the territory and the site."""

from booking.web.guichet import dossiers, journee, urgences

BLUEPRINTS = (journee.blueprint, dossiers.blueprint, urgences.blueprint)
