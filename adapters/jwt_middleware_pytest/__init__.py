"""pytest: a local gateway and its tokens as fixtures, in every project that installs this.

pytest loads this for each run, so it loads nothing itself until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jwt_middleware import Principal
    from jwt_middleware.testing import LocalGateway


@pytest.fixture(scope="session")
def gateway_options() -> dict[str, Any]:
    """What ``LocalGateway`` is made with; override it in a ``conftest.py``."""
    return {}


@pytest.fixture(scope="session")
def _session_gateway(gateway_options: dict[str, Any]) -> Iterator[LocalGateway]:  # pyright: ignore[reportUnusedFunction]
    from jwt_middleware.testing import LocalGateway

    with LocalGateway(**gateway_options) as made:
        yield made


@pytest.fixture
def gateway(_session_gateway: LocalGateway) -> Iterator[LocalGateway]:
    """A gateway that signs and publishes its key; every test gets it as new."""
    keys = _session_gateway.keys
    yield _session_gateway
    _session_gateway.reset(keys)


@pytest.fixture
def assertion_headers(gateway: LocalGateway) -> Callable[..., dict[str, str]]:
    """A function that makes the header of an assertion: ``LocalGateway.headers``."""
    return gateway.headers


@pytest.fixture
def as_principal(gateway_options: dict[str, Any]) -> Callable[..., Principal]:
    """A function that makes a principal for ``override``, by the registry of the options."""
    from jwt_middleware.testing import as_principal as make

    return partial(make, clients=gateway_options.get("clients"))
