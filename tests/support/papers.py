"""The real renderer, which remembers what the papers were given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from booking.gateways.render import TemplateRenderer
from booking.ports import World

HOME = "https://rdv.prefecture.example"


@dataclass
class Recording(TemplateRenderer):
    given: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(HOME)

    def pdf(self, template: str, data: Any) -> bytes:
        self.given.append({"template": template, **json.loads(json.dumps(data))})
        return super().pdf(template, data)


def given(world: World) -> dict[str, Any]:
    """What the last paper was given."""
    assert isinstance(world.render, Recording)
    return world.render.given[-1]
