"""Valkey as our child: what was acknowledged survives, two parents never share a folder, nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from booking.gateways import embedded
from booking.gateways.embedded import EmbeddedFailed, Valkey


@pytest.fixture
def server(tmp_path: Path):
    valkey = Valkey(tmp_path)
    valkey.start()
    yield valkey
    valkey.stop()


def connection(valkey: Valkey) -> Redis:
    return Redis(unix_socket_path=str(valkey.socket), decode_responses=True)


def gone(pid: int) -> bool:
    """Ended, within ten seconds (a zombie has ended)."""
    for _ in range(1000):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


def test_it_listens_on_a_private_socket_only(server: Valkey) -> None:
    with connection(server) as redis:
        assert redis.config_get("port") == {"port": "0"}
        assert redis.config_get("appendonly") == {"appendonly": "yes"}
    assert server.socket.stat().st_mode & 0o077 == 0


def test_data_survives_a_stop(server: Valkey) -> None:
    with connection(server) as redis:
        redis.set("kept", "yes")
    server.stop()
    assert not server.socket.exists()
    server.start()
    with connection(server) as redis:
        assert redis.get("kept") == "yes"


def test_data_survives_kill_9_and_the_stale_socket_is_replaced(server: Valkey) -> None:
    with connection(server) as redis:
        redis.set("kept", "yes")
        redis.waitaof(1, 0, 5000)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert gone(server.pid)
    assert server.socket.exists(), "left behind by the dead server"
    server.start()
    with connection(server) as redis:
        assert redis.get("kept") == "yes"


def test_a_second_parent_is_refused(server: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOCK_TIMEOUT_S", 0.05)
    with pytest.raises(EmbeddedFailed, match="BOOKING_VAR_DIR"):
        Valkey(tmp_path).start()
    with connection(server) as redis:
        assert redis.ping(), "the first one goes on undisturbed"


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from booking.gateways.embedded import Valkey\n"
        f"valkey = Valkey(Path({str(tmp_path)!r})); valkey.start(); print(valkey.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)
    with Valkey(tmp_path) as successor:
        assert successor.pid != pid, "the folder is free for the next parent"


def test_a_long_path_falls_back_to_a_short_private_folder(tmp_path: Path) -> None:
    var_dir = tmp_path / ("long" * 20) / ("é" * 40)
    with Valkey(var_dir) as valkey, connection(valkey) as redis:
        assert redis.ping()
        assert len(os.fsencode(valkey.socket)) <= embedded.SOCKET_PATH_BYTES
        assert valkey.socket.parent.stat().st_mode & 0o077 == 0
        assert embedded.url(var_dir) == f"unix://{valkey.socket}"
        assert (var_dir / "valkey").is_dir(), "the data stays where it was asked for"
    valkey.socket.parent.rmdir()


def test_a_folder_laid_by_somebody_else_is_refused(tmp_path: Path) -> None:
    var_dir = tmp_path / ("x" * 120)
    trap = embedded.socket_path(var_dir).parent
    trap.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedFailed, match="closed to others"):
            Valkey(var_dir).start()
    finally:
        trap.unlink()


def test_a_broken_append_only_file_says_where_to_look(tmp_path: Path) -> None:
    folder = tmp_path / "valkey" / "appendonlydir"
    folder.mkdir(parents=True, mode=0o700)
    (tmp_path / "valkey").chmod(0o700)
    (folder / "appendonly.aof.manifest").write_text("rubbish\n")
    with pytest.raises(EmbeddedFailed, match=r"valkey\.log"):
        Valkey(tmp_path).start()
