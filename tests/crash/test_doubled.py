"""Every step of a draw done twice, too early or out of order: nothing is different from a draw that went straight."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from booking.services import draw
from tests.crash.conftest import Scene, Trace
from tests.crash.killing import world_at

STEPS = {step.__name__: step for step in draw.STEPS}
Names = list[str]
NAMES = st.lists(st.sampled_from(list(STEPS)), max_size=14)


def run(scene: Scene, now: datetime, names: Names) -> None:
    with world_at(scene.url, scene.keys_dir, now) as (world, _):
        for name in names:
            STEPS[name](world, scene.batch_id)


@given(NAMES, NAMES, NAMES)
@settings(max_examples=settings.default.max_examples // 5)
def test_whatever_is_done_again_or_out_of_order_the_draw_is_the_same(
    frozen: Scene, undisturbed: Trace, before: Names, early: Names, late: Names
) -> None:
    """R-65: bundle to the byte, offers, messages and journal; at the freeze, while all wait for the round, after it."""
    with TemporaryDirectory() as folder:
        scene = frozen.copied(Path(folder))
        run(scene, scene.freeze_at, before)
        scene.promise()
        run(scene, scene.freeze_at + (scene.draw_at - scene.freeze_at) / 2, early)
        run(scene, scene.draw_at, late)
        scene.advance(scene.draw_at)
        run(scene, scene.draw_at, late)
        assert Trace.of(scene) == undisturbed
