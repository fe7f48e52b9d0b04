"""Pages made once for whoever asks again.

A page is a function of what it shows: the same values give the same bytes. They are the key, so nothing can be stale
and nothing has to be forgotten. The values are read anew at each request; only the words are not put together again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from flask import Response, request

MOST = 500
"""Pages kept by one process: some megabytes."""


@dataclass(frozen=True, slots=True)
class Page:
    """Its bytes, and the mark by which a caller says that it has them already."""

    body: bytes
    mark: str


class Pages:
    """The newest pages of one process; whoever was not asked for longest is dropped."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Page] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], str]) -> Page:
        """The page of ``key``, made by ``make`` when it is not there."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        body = make().encode()
        page = Page(body, sha256(body).hexdigest()[:32])
        with self._lock:
            self._kept[key] = page
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return page


def answer(page: Page) -> Response:
    """The page, or 304 for a caller that has it."""
    if request.if_none_match.contains_weak(page.mark):  # proxies that compress make it a weak one
        response = Response(status=304)
    else:
        response = Response(page.body, content_type="text/html; charset=utf-8")
    response.set_etag(page.mark)
    return response
