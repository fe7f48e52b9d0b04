"""Pages that anybody may open: the first page, the stepper, and the pages behind a demande's secret link."""

from booking.web.public import certificate, draws, filing, home, offer, receipt, status

BLUEPRINTS = (
    home.blueprint,
    filing.blueprint,
    receipt.blueprint,
    status.blueprint,
    offer.blueprint,
    draws.blueprint,
    certificate.blueprint,
    certificate.checking,
)
