"""The QR code and the calendar file of an appointment. Neither says what the appointment is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import segno
from icalendar import Alarm, Calendar, Event

from booking.gateways.catalogues import gettext as _

REMINDED_BEFORE = timedelta(days=1)
QUIET_MODULES = 4
"""Blank margin that ISO/IEC 18004 asks for."""


def qr_svg(text: str) -> str:
    """An SVG picture of ``text``, one unit a module, without size of its own.

    Error correction M: 15 % may be hidden or blurred; more would make the modules smaller on the same paper.
    """
    picture = BytesIO()
    code = segno.make(text, error="m", micro=False, boost_error=False)
    code.save(picture, kind="svg", border=QUIET_MODULES, light="#fff", omitsize=True, xmldecl=False, nl=False)
    return picture.getvalue().decode()


def calendar(event: Mapping[str, Any]) -> bytes:
    """An iCalendar file (RFC 5545) of one appointment, at the hour of its own zone.

    ``event``: uid (stable) and sequence (raised at each change), stamp_at, start_at, length_min, zone, site, address,
    reference, cancelled. A cancelled one takes the entry out of a calendar that imported it.
    """
    start_at = event["start_at"].astimezone(ZoneInfo(event["zone"]))
    entry = Event()
    entry.add("uid", event["uid"])
    entry.add("sequence", event["sequence"])
    entry.add("dtstamp", event["stamp_at"])
    entry.add("dtstart", start_at)
    entry.add("dtend", start_at + timedelta(minutes=event["length_min"]))
    entry.add("summary", _("Rendez-vous — %(site)s") % {"site": event["site"]})
    entry.add("location", f"{event['site']}, {event['address']}")
    entry.add("description", _("Convocation %(number)s") % {"number": event["reference"]})
    entry.add("status", "CANCELLED" if event["cancelled"] else "CONFIRMED")
    entry.add("class", "PRIVATE")
    if not event["cancelled"]:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -REMINDED_BEFORE)
        alarm.add("description", entry["summary"])
        entry.add_component(alarm)
    result = Calendar()
    result.add("prodid", "-//Tour de role//FR")
    result.add("version", "2.0")
    result.add("method", "CANCEL" if event["cancelled"] else "PUBLISH")
    result.add_component(entry)
    # The summer times around the appointment; the default is every one from 1970 to 2038.
    around = (date(start_at.year - 1, 1, 1), date(start_at.year + 2, 1, 1))
    result.add_missing_timezones(first_date=around[0], last_date=around[1])
    return bytes(result.to_ical())
