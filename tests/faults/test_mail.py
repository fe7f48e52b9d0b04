"""The mail server is down: filing goes on, and what was to be said is said once when it is back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from booking.gateways.mail import FileMailer, SmtpMailer
from booking.gateways.render import TemplateRenderer
from booking.ports import World
from booking.services import outbox
from tests.support import filings


def test_down_then_up_every_message_leaves_once(world: World, tmp_path) -> None:  # type: ignore[no-untyped-def]
    here = replace(
        filings.seeded(world),
        mail=SmtpMailer("smtp://127.0.0.1:9", "rdv@exemple.invalid", world.clock),
        render=TemplateRenderer("https://rdv.example"),
    )
    filings.by_web(here)
    for _ in range(3):
        assert outbox.deliver(here).sent == 0
        here.clock.advance(timedelta(minutes=10))  # type: ignore[attr-defined]
    back = replace(here, mail=FileMailer(tmp_path, "rdv@exemple.invalid", world.clock))
    assert outbox.deliver(back).sent == 1
    back.clock.advance(timedelta(hours=3))  # type: ignore[attr-defined]
    assert outbox.deliver(back).sent == 0
    assert len(list(tmp_path.glob("*.eml"))) == 1
