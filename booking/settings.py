"""The environment, read once and checked at start: one clear line per mistake, and no secret in any of them.

Order: BOOKING_* variables, then config/default.toml. ``load`` is the only way in.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from datetime import datetime
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

ROOT = Path(__file__).parents[1]
PREFIX = "BOOKING_"
# Read by make and by the tests, not by the application.
FOREIGN = ("BOOKING_PYTHON", "BOOKING_TEST_", "BOOKING_HYPOTHESIS_PROFILE")


class Mode(StrEnum):
    DEMONSTRATION = "demonstration"
    PRODUCTION = "production"


class SettingsInvalid(Exception):
    """``mistakes``: one line each, for the person who starts the program."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def _from_root(value: Any) -> Any:
    return (ROOT / value).resolve() if isinstance(value, (str, Path)) and str(value) else value


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


FromRoot = Annotated[Path, BeforeValidator(_from_root)]
FilesFromRoot = Annotated[list[FromRoot], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What can be set. Values that may hold a password are left out of ``repr``; ``describe`` shows them without."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        toml_file=ROOT / "config" / "default.toml",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    mode: Mode = Mode.DEMONSTRATION
    var_dir: FromRoot = ROOT / "var"
    keys_dir: FromRoot = Field(default_factory=lambda given: given["var_dir"] / "keys")
    database_url: str = Field(
        default_factory=lambda given: f"sqlite:///{given['var_dir'] / 'tour-de-role.sqlite3'}", repr=False
    )
    redis_url: str = Field("", repr=False)
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    public_url: str = Field(default_factory=lambda given: f"http://{given['host']}:{given['port']}")
    trusted_proxies: int = Field(0, ge=0, le=5)
    web_processes: int = Field(2, ge=1, le=64)
    web_threads: int = Field(8, ge=1, le=64)
    mail_url: str = Field("", repr=False)
    mail_from: str = "ne-pas-repondre@tour-de-role.example"
    sms_url: str = Field("", repr=False)
    beacon: Literal["local", "drand"] = "local"
    beacon_url: str = ""
    witness_url: str = ""
    witness_certificates: FromRoot = Field(Path(), validate_default=True)
    clock_start: datetime | None = None
    demonstration_data: bool = True
    territory_files: FilesFromRoot = Field(default_factory=list)
    demarches_file: FromRoot = ROOT / "config" / "demarches.toml"
    antifraude_file: FromRoot = ROOT / "config" / "antifraude.toml"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def demonstration(self) -> bool:
        return self.mode is Mode.DEMONSTRATION

    @property
    def embedded_redis(self) -> bool:
        """True when ``make run`` starts its own Valkey."""
        return not self.redis_url

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str, info: ValidationInfo) -> str:
        file = Path(_scheme(url, "sqlite:///", "postgresql://", "postgresql+psycopg://").removeprefix("sqlite:///"))
        if url == "sqlite:///":
            raise ValueError("must name a file, as in sqlite:////srv/tour-de-role.sqlite3")
        if url.startswith("sqlite:///") and file.parent != info.data.get("var_dir") and not file.parent.is_dir():
            raise ValueError(f"there is no folder {file.parent}")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str) -> str:
        _scheme(url, "redis://", "rediss://", "unix://")
        return url if url.startswith("unix://") else _host(url, "redis://", "rediss://")

    @field_validator("public_url")
    @classmethod
    def _public(cls, url: str) -> str:
        return _host(url, "http://", "https://").rstrip("/")

    @field_validator("mail_url")
    @classmethod
    def _mail(cls, url: str) -> str:
        return _host(url, "smtp://", "smtps://")

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, address: str) -> str:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(address)[1]):
            raise ValueError("must be a mail address, as in ne-pas-repondre@prefecture.example")
        return address

    @field_validator("sms_url", "beacon_url", "witness_url")
    @classmethod
    def _sms(cls, url: str) -> str:
        return _host(url, "http://", "https://")

    @field_validator("witness_certificates")
    @classmethod
    def _certificates(cls, path: Path, info: ValidationInfo) -> Path:
        if info.data.get("witness_url") and not path.is_file():
            raise ValueError("must name the PEM file of the authority's root: without it a stamp proves nothing")
        return path

    @field_validator("clock_start")
    @classmethod
    def _aware(cls, at: datetime | None) -> datetime | None:
        if at is not None and at.tzinfo is None:
            raise ValueError("must say its offset, as in 2026-03-02T08:00:00+01:00")
        return at

    def describe(self) -> dict[str, str]:
        """Every setting as text, with passwords left out: for the doctor's report."""
        return {name: _without_password(getattr(self, name)) for name in type(self).model_fields}


def load(**overrides: Any) -> Settings:
    """The checked settings. Raises SettingsInvalid with one line per mistake; ``overrides`` win over everything."""
    mistakes = _misspelt()
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsInvalid(mistakes + _sentences(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid([*mistakes, f"config/default.toml: {error}."]) from None
    mistakes += [] if settings.demonstration else _unfit_for_production(settings)
    if mistakes:
        raise SettingsInvalid(mistakes)
    return settings


def settle(name: str, value: object) -> None:
    """Fix one setting for this process and those it starts, as if the environment had said so from the beginning."""
    os.environ[PREFIX + name.upper()] = str(value)


def _scheme(url: str, *schemes: str) -> str:
    if url and not url.startswith(schemes):
        raise ValueError("must start with " + " or ".join(schemes))
    return url


def _host(url: str, *schemes: str) -> str:
    if _scheme(url, *schemes) and not urlsplit(url).hostname:
        raise ValueError(f"must name a host, as in {schemes[0]}host.example")
    return url


def _misspelt() -> list[str]:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    lines = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(FOREIGN):
            # Without the beginning that all share, which would make any two look alike.
            close = difflib.get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], 1)
            lines.append(f"{name}: no such setting" + (f"; did you mean {PREFIX}{close[0]}?" if close else "."))
    return lines


def _sentences(error: ValidationError) -> list[str]:
    lines = []
    for detail in error.errors():
        # A default that could not be computed is the consequence of a mistake, not one more.
        if detail["type"] != "default_factory_not_called":
            name = PREFIX + "_".join(str(part) for part in detail["loc"]).upper()
            lines.append(f"{name}: {detail['msg'].removeprefix('Value error, ')}.")
    return lines


def _unfit_for_production(settings: Settings) -> list[str]:
    """What only a demonstration may have. (Its keys are refused by the keyring, its accounts by the doctor.)"""
    checks = [
        (settings.beacon == "local", "BOOKING_BEACON: the local beacon proves nothing; production needs drand."),
        (settings.clock_start is not None, "BOOKING_CLOCK_START: production has no simulated clock."),
        (
            not settings.public_url.startswith("https://"),
            "BOOKING_PUBLIC_URL: production needs the address people type, starting with https://.",
        ),
        (not settings.mail_url, "BOOKING_MAIL_URL: production needs a mail server."),
    ]
    return [sentence for wrong, sentence in checks if wrong]


def _without_password(value: Any) -> str:
    text = str(value)
    if "://" not in text:
        return text
    parts = urlsplit(text)
    if parts.password is None:
        return text
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")).geturl()
