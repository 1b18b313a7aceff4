"""Three services that call each other through a gateway know who calls, and for whom."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from jwt_middleware.tools.cli import command
from jwt_middleware.tools.demo import services


def test_every_step_shows_what_it_should() -> None:
    with ExitStack() as stack:
        steps = list(services.steps(services.Landscape(stack)))

    assert [title for title, is_right, _ in steps if not is_right] == []
    assert len(steps) == 5
    assert steps[0][2] == [
        "portal: called by shop_app (person), for ana@carbon.super (person)",
        "orders: called by portal (service), for ana@carbon.super (person)",
        "stock: called by orders (service), for ana@carbon.super (person)",
    ]


def test_the_command_ends_well_after_the_tour(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["demo", "--services", "--once"]) == 0

    shown = capsys.readouterr().out
    assert "stock: called by orders (service), for ana@carbon.super (person)" in shown
    assert "stock: 401 invalid_original" in shown


def test_a_step_that_shows_something_else_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services, "steps", lambda _: iter([("a step", False, ["wrong"])]))

    assert command.main(["demo", "--services", "--once"]) == 1
    assert "not what they should be" in capsys.readouterr().err
