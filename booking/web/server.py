"""The web server of one process tree: gunicorn with threads, on a socket that the parent already opened."""

from __future__ import annotations

import logging
import os
import runpy
import shutil
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from werkzeug.middleware.proxy_fix import ProxyFix

from booking import bootstrap
from booking.settings import ROOT, Settings
from booking.web import observe
from booking.web.app import create_app

HABITS = ROOT / "config" / "gunicorn.conf.py"
METRICS = "metrics"
"""Folder under ``var_dir`` where each web process counts (booking/web/metrics.py)."""


def application(settings: Settings) -> Flask:
    """The application of this process, behind as many proxies as the settings say."""
    app = create_app(bootstrap.world())
    observe.install(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def main(settings: Settings, listener: socket.socket, load: Callable[[Settings], Flask] = application) -> None:
    """Serve until SIGTERM. Ends by SystemExit, as gunicorn does. ``load`` runs in each web process."""
    # What dead processes counted: everything starts from zero together, as Prometheus expects.
    shutil.rmtree(settings.var_dir / METRICS, ignore_errors=True)
    (settings.var_dir / METRICS).mkdir(parents=True)
    _Gunicorn(settings, listener, load).run()


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's own lines go where all others go (booking/logs.py)."""

    def setup(self, cfg: Any) -> None:
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, listener: socket.socket, load: Callable[[Settings], Flask]) -> None:
        self._settings, self._listener, self._load = settings, listener, load
        super().__init__()

    def load_config(self) -> None:
        for name, value in runpy.run_path(str(HABITS)).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        # A copy of the descriptor: gunicorn closes the one it is given.
        self.cfg.set("bind", f"fd://{os.dup(self._listener.fileno())}")
        self.cfg.set("workers", self._settings.web_processes)
        self.cfg.set("threads", self._settings.web_threads)
        self.cfg.set("logger_class", _Log)
        self.cfg.set("proc_name", "tour-de-role")
        self.cfg.set("raw_env", [f"PROMETHEUS_MULTIPROC_DIR={self._settings.var_dir / METRICS}"])

    def load(self) -> Flask:
        return self._load(self._settings)
