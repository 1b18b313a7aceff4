"""The pytest plugin, in runs of its own: it is there, costs nothing, and tests share nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import jwt_middleware

CLIENTS = Path(jwt_middleware.__file__).parent / "testing" / "clients.toml"


def test_it_is_registered_under_the_package_s_name() -> None:
    (found,) = entry_points(group="pytest11", name="jwt_middleware")

    assert found.value == "jwt_middleware_pytest"


def test_it_loads_nothing_of_the_package() -> None:
    code = "import pytest, sys; import jwt_middleware_pytest; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert not {"jwt_middleware", "cryptography", "jwt"} & set(done.stdout.split())


def test_its_fixtures_are_there_without_a_line_of_configuration(
    lean_pytester: pytest.Pytester,
) -> None:
    lean_pytester.makepyfile(
        """
        from jwt_middleware import Verifier

        def test_headers(gateway, assertion_headers):
            token = assertion_headers("app", "ana", roles=["registrar"])["X-JWT-Assertion"]
            assert Verifier(**gateway.options).verify(token).roles == {"registrar"}

        def test_principal(as_principal):
            assert as_principal("ana", roles=["registrar"]).roles == {"registrar"}
        """
    )

    lean_pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


def test_each_test_finds_the_gateway_as_new(lean_pytester: pytest.Pytester) -> None:
    lean_pytester.makepyfile(
        """
        import urllib.request

        seen = []

        def test_it_is_changed(gateway):
            seen.extend(gateway.keys)
            gateway.rotate()
            gateway.retire()
            gateway.fail("down")

        def test_it_is_as_before(gateway):
            assert gateway.keys == seen
            assert urllib.request.urlopen(gateway.jwks_url).read()
        """
    )

    lean_pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_its_options_are_a_fixture_of_one_s_own(lean_pytester: pytest.Pytester) -> None:
    lean_pytester.makeconftest(
        f"""
        import pytest

        @pytest.fixture(scope="session")
        def gateway_options():
            return {{"clients": {str(CLIENTS)!r}, "api": "/orders/1.0"}}
        """
    )
    lean_pytester.makepyfile(
        """
        from jwt_middleware import Verifier, policy

        def test_it(gateway, as_principal):
            given = {"client_id": "acme_corp", "roles": ["acme_buyer"]}
            assert policy("catalogue.read").evaluate(as_principal(**given)).allowed
            token = gateway.assertion("acme_corp", roles=["acme_buyer"])
            principal = Verifier(**gateway.options).verify(token)
            assert policy("catalogue.read").evaluate(principal).allowed
        """
    )

    lean_pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_test_that_uses_it_makes_no_key_of_its_own(
    lean_pytester: pytest.Pytester,
) -> None:
    lean_pytester.makepyfile(
        """
        import time
        import pytest

        begun = []

        @pytest.mark.parametrize("n", range(51))
        def test_it(n, gateway):
            gateway.jwks_url
            begun.append(time.perf_counter())

        def test_the_time():
            assert (begun[-1] - begun[0]) / 50 < 0.05
        """
    )

    lean_pytester.runpytest_subprocess("-q").assert_outcomes(passed=52)
