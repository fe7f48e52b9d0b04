"""The only place where the world is plugged in: settings → World. Opens no connection: each is made at first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from redis import Redis
from sqlalchemy import Engine

from booking import settings as environment
from booking.clock import OffsetClock, SystemClock
from booking.entropy import SystemEntropy
from booking.gateways import beacon, config_files, embedded, mail, redis_connection, sms, witness
from booking.gateways.holidays import FrenchHolidays
from booking.gateways.keyring import FileKeyring
from booking.gateways.redis_limits import RedisLimits
from booking.gateways.redis_waitlist import RedisWaitlist
from booking.gateways.render import TemplateRenderer
from booking.gateways.rq_jobs import RqJobs
from booking.ports import Beacon, Clock, Mailer, SmsSender, Witness, World
from booking.settings import Settings
from booking.store import base


@cache
def world() -> World:
    """The world of this process, from the environment. Raises SettingsInvalid and KeysUnusable."""
    return build(environment.load())


def build(settings: Settings) -> World:
    """A world as the settings say. Raises KeysUnusable when production finds demonstration keys or none."""
    return _plug(settings, base.make_engine(settings.database_url), redis_connection.connect(redis_url(settings)))


@contextmanager
def opened(settings: Settings) -> Iterator[World]:
    """The same for one command: what it opened is closed at the end."""
    engine, redis = base.make_engine(settings.database_url), redis_connection.connect(redis_url(settings))
    try:
        yield _plug(settings, engine, redis)
    finally:
        engine.dispose()
        redis.close()


def _plug(settings: Settings, engine: Engine, redis: Redis) -> World:
    clock = _clock(settings)
    return World(
        demonstration=settings.demonstration,
        public_url=settings.public_url,
        sessions=base.write_sessions(engine),
        reading=base.read_sessions(engine),
        clock=clock,
        entropy=SystemEntropy(),
        keys=FileKeyring(settings.keys_dir, production=not settings.demonstration, look_again_s=1.0),
        jobs=RqJobs(redis),
        limits=RedisLimits(redis, config_files.limits(settings.antifraude_file)),
        waitlist=RedisWaitlist(redis),
        mail=_mailer(settings, clock),
        sms=_sms(settings),
        render=TemplateRenderer(settings.public_url),
        beacon=_beacon(settings),
        witness=_witness(settings),
        holidays=FrenchHolidays(),
    )


def redis_url(settings: Settings) -> str:
    """The configured server, or the Valkey that ``make run`` starts."""
    return settings.redis_url or embedded.url(settings.var_dir)


def _clock(settings: Settings) -> Clock:
    if settings.demonstration:
        return OffsetClock(settings.var_dir / "clock.json", settings.clock_start)
    return SystemClock()


def _mailer(settings: Settings, clock: Clock) -> Mailer:
    if settings.mail_url:
        return mail.SmtpMailer(settings.mail_url, settings.mail_from, clock)
    return mail.FileMailer(settings.var_dir / "outbox", settings.mail_from, clock)


def _sms(settings: Settings) -> SmsSender:
    if settings.sms_url:
        return sms.HttpSmsSender(settings.sms_url)
    return sms.FileSmsSender(settings.var_dir / "outbox")


def _witness(settings: Settings) -> Witness:
    if not settings.witness_url:
        return witness.NoWitness()
    return witness.Rfc3161Witness(settings.witness_url, settings.witness_certificates)


def _beacon(settings: Settings) -> Beacon:
    return beacon.LocalBeacon() if settings.beacon == "local" else beacon.DrandBeacon(settings.beacon_url)
