"""Whoever watches over a territory: counts, draws, second signatures. Every address names the territory."""

from booking.web.supervision import corrections, signatures, tirages, vue

BLUEPRINTS = (vue.blueprint, tirages.blueprint, signatures.blueprint, corrections.blueprint)
