"""Pages that anybody may open: the first page, the stepper, and the pages behind a demande's secret link."""

from booking.web.public import certificate, filing, home, offer, receipt, status

BLUEPRINTS = (
    home.blueprint,
    filing.blueprint,
    receipt.blueprint,
    status.blueprint,
    offer.blueprint,
    certificate.blueprint,
    certificate.checking,
)
