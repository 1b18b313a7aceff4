"""Ordered levels: compared by the declared order, and by nothing else."""

import copy
import pickle
from typing import Any

import pytest

from jwt_middleware import Principal, attribute
from jwt_middleware.authorization.predicate import Evaluation
from jwt_middleware.authorization.terms import Level, ranks
from jwt_middleware.principal import Grants

# Neither the alphabet nor the length sorts these as they are declared.
ORDER = ("wood", "gold", "iron", "adamant")
LEVEL = attribute("level")


def verdict(predicate: Any, value: Any) -> bool | None:
    principal = Principal({}, grants=Grants(frozenset(), frozenset(), {"level": value}))
    found: bool | None = predicate.verdict(Evaluation(principal, None))
    return found


@pytest.mark.parametrize("held", ORDER)
@pytest.mark.parametrize("needed", ORDER)
def test_every_relation_of_two_levels_is_that_of_their_places(held: str, needed: str) -> None:
    left, right = ORDER.index(held), ORDER.index(needed)
    level = Level(held, ORDER)

    assert verdict(needed <= LEVEL, level) is (right <= left)
    assert verdict(needed < LEVEL, level) is (right < left)
    assert verdict(needed >= LEVEL, level) is (right >= left)
    assert verdict(needed > LEVEL, level) is (right > left)
    assert verdict(LEVEL == needed, level) is (left == right)
    assert verdict(LEVEL != needed, level) is (left != right)
    assert verdict(LEVEL.at_least(needed), level) is (left >= right)


@pytest.mark.parametrize("other", ["Gold", "gold ", "", "GOLD", "gol", "gold2"])
def test_a_text_outside_the_order_has_no_rank_so_its_comparison_is_unknown(other: str) -> None:
    for predicate in (LEVEL >= other, LEVEL <= other, LEVEL > other, LEVEL < other):
        assert verdict(predicate, Level("iron", ORDER)) is None
        assert verdict(~predicate, Level("iron", ORDER)) is None
    assert verdict(LEVEL == other, Level("iron", ORDER)) is False


@pytest.mark.parametrize("other", [0, 2, 2.0, True, False])
def test_a_level_is_no_number(other: Any) -> None:
    for predicate in (LEVEL >= other, LEVEL == other, LEVEL != other):
        assert verdict(predicate, Level("iron", ORDER)) is None


def test_a_level_on_the_right_side_brings_the_order_too() -> None:
    assert ranks("wood", Level("iron", ORDER)) == (0, 2)
    assert ranks(Level("iron", ORDER), "wood") == (2, 0)


def test_of_two_levels_the_left_ones_order_counts() -> None:
    turned = tuple(reversed(ORDER))

    assert ranks(Level("wood", ORDER), Level("gold", turned)) == (0, 1)
    assert ranks(Level("wood", turned), Level("gold", ORDER)) == (3, 2)


def test_two_texts_have_no_order_of_levels() -> None:
    with pytest.raises(TypeError):
        ranks("wood", "gold")


def test_a_level_is_its_text_everywhere_else() -> None:
    level = Level("gold", ORDER)

    assert level == "gold"
    assert hash(level) == hash("gold")
    assert f"{level}" == "gold"
    assert level in {"gold"}
    assert verdict(LEVEL.is_in(["wood", "gold"]), level) is True
    assert verdict(LEVEL.is_in(["wood", "iron"]), level) is False
    assert verdict(LEVEL.contains("gold"), level) is None
    assert verdict(LEVEL.contains("g"), level) is None


def test_a_copied_level_keeps_its_order() -> None:
    level = Level("gold", ORDER)

    for other in (copy.copy(level), copy.deepcopy(level), pickle.loads(pickle.dumps(level))):
        assert type(other) is Level
        assert (other, other.order) == (level, ORDER)


def test_a_level_has_no_room_for_anything_else() -> None:
    with pytest.raises(AttributeError):
        Level("gold", ORDER).rank = 7  # type: ignore[attr-defined]
