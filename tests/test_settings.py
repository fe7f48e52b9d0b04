"""Mistakes in the environment: one clear line each, never a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from booking.settings import ROOT, Mode, Settings, SettingsInvalid, load

PRODUCTION = {
    "BOOKING_MODE": "production",
    "BOOKING_BEACON": "drand",
    "BOOKING_PUBLIC_URL": "https://rdv.example/",
    "BOOKING_MAIL_URL": "smtp://robot:s3cret@mail.example:587",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("BOOKING_"):
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load()


def mistakes(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        given(monkeypatch, environment)
    return caught.value.mistakes


def test_an_empty_environment_is_a_demonstration_under_var() -> None:
    settings = load()
    assert settings.mode is Mode.DEMONSTRATION
    assert settings.keys_dir == ROOT / "var" / "keys"
    assert settings.database_url == f"sqlite:///{ROOT}/var/tour-de-role.sqlite3"
    assert settings.embedded_redis
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.territory_files == [ROOT / "config" / "territoires" / "40-landes.toml"]


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = given(
        monkeypatch,
        {
            "BOOKING_PORT": "9001",
            "BOOKING_VAR_DIR": str(tmp_path),
            "BOOKING_TERRITORY_FILES": "config/a.toml, /etc/b.toml",
            "BOOKING_REDIS_URL": "",
        },
    )
    assert settings.port == 9001
    assert settings.public_url.endswith(":9001")
    assert settings.keys_dir == tmp_path / "keys"
    assert settings.territory_files == [ROOT / "config" / "a.toml", Path("/etc/b.toml")]
    assert settings.embedded_redis, "an empty variable is as good as none"


def test_one_line_per_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = mistakes(
        monkeypatch,
        {
            "BOOKING_PORT": "99999",
            "BOOKING_DATABASE_URL": "mysql://root:hunter2@db/x",
            "BOOKING_CLOCK_START": "2026-03-02T08:00:00",
            "BOOKING_MODE": "prodution",
            "BOOKING_DATBASE_URL": "sqlite:///x",
        },
    )
    assert len(lines) == 5
    assert lines[0] == "BOOKING_DATBASE_URL: no such setting; did you mean BOOKING_DATABASE_URL?"
    assert any(line.startswith("BOOKING_DATABASE_URL: must start with sqlite:///") for line in lines)
    assert any("offset" in line for line in lines)
    assert "hunter2" not in "".join(lines)
    assert all("\n" not in line for line in lines)


def test_a_name_like_no_other_gets_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKING_NOPE", "1")
    with pytest.raises(SettingsInvalid) as refused:
        load()
    assert "BOOKING_NOPE: no such setting." in refused.value.mistakes


def test_production_accepts_what_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, PRODUCTION)
    assert not settings.demonstration
    assert settings.public_url == "https://rdv.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOKING_BEACON", "local"),
        ("BOOKING_CLOCK_START", "2026-03-02T08:00:00+01:00"),
        ("BOOKING_PUBLIC_URL", "http://rdv.example"),
        ("BOOKING_MAIL_URL", ""),
    ],
)
def test_production_refuses_the_demonstration(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert [line.split(":")[0] for line in mistakes(monkeypatch, PRODUCTION | {name: value})] == [name]


def test_secrets_are_neither_shown_nor_described(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, PRODUCTION | {"BOOKING_DATABASE_URL": "postgresql://app:s3cret@db/tour"})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.describe())
    assert settings.describe()["database_url"] == "postgresql://app:***@db/tour"


def test_every_setting_is_named_in_the_default_file() -> None:
    text = (ROOT / "config" / "default.toml").read_text(encoding="utf-8")
    named = {line.lstrip("# ").split(" = ")[0] for line in text.splitlines() if " = " in line}
    assert named == set(Settings.model_fields)


def test_an_authority_needs_the_certificate_of_its_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    address = {"BOOKING_WITNESS_URL": "https://horodatage.example/tsa"}
    assert any("WITNESS_CERTIFICATES" in line and "PEM" in line for line in mistakes(monkeypatch, address))
    root = tmp_path / "root.pem"
    root.write_text("")
    assert given(monkeypatch, {**address, "BOOKING_WITNESS_CERTIFICATES": str(root)}).witness_certificates == root


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("DATABASE_URL", "sqlite:///", "must name a file"),
        ("DATABASE_URL", "sqlite:////nonexist/x.db", "there is no folder /nonexist"),
        ("REDIS_URL", "redis://", "must name a host"),
        ("MAIL_URL", "smtp://", "must name a host"),
        ("MAIL_FROM", "abc", "must be a mail address"),
        ("PUBLIC_URL", "https://", "must name a host"),
        ("SMS_URL", "https:///sms", "must name a host"),
    ],
)
def test_an_address_is_whole(monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str) -> None:
    (line,) = mistakes(monkeypatch, {f"BOOKING_{name}": value})
    assert line.startswith(f"BOOKING_{name}: {what}")


def test_addresses_that_are_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = given(
        monkeypatch,
        {
            "BOOKING_VAR_DIR": str(tmp_path / "new"),
            "BOOKING_DATABASE_URL": f"sqlite:///{tmp_path / 'new' / 'x.db'}",
            "BOOKING_REDIS_URL": "unix:///run/valkey.sock",
            "BOOKING_MAIL_FROM": "Préfecture <rdv@prefecture.example>",
        },
    )
    assert settings.redis_url == "unix:///run/valkey.sock"
