"""Integrations made in code: every fault at once, and no secret in any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ConfigurationError, SharedSecret
from jwt_middleware.sign_on import Integration, SecretPlace
from jwt_middleware.sign_on.integrations import listed

SECRET = "a secret of thirty-two bytes, or so"


def fault(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Integration(**{"id": "acme", "secret": SECRET, **values})
    return str(caught.value)


def test_its_repr_shows_neither_secrets_nor_keys() -> None:
    shown = [
        Integration("acme", secret=SECRET),
        Integration("acme", secret=[SECRET, SECRET.encode()]),
        Integration("acme", keys=SECRET),
    ]

    assert all(SECRET not in repr(each) for each in shown)


def test_hosts_are_compared_in_one_spelling() -> None:
    found = Integration("acme", secret=SECRET, hosts=["App.Example.EDU.", "[::1]"])

    assert found.hosts == ("app.example.edu", "[::1]")


@pytest.mark.parametrize(
    "values, told",
    [
        ({"id": ""}, "integrations.?: id: 1 to 64"),
        ({"id": "a b"}, "integrations.?: id: 1 to 64"),
        ({"id": "x" * 65}, "id: 1 to 64"),
        ({"hosts": "app.example.edu"}, "hosts: a list of host names"),
        ({"hosts": ["https://app.example.edu"]}, "hosts[0]: a host name without"),
        ({"hosts": ["ok", "app.example.edu:443"]}, "hosts[1]: a host name without"),
        ({"hosts": ["app.example.edu/x"]}, "hosts[0]: a host name without"),
        ({"hosts": [5]}, "hosts[0]: a host name without"),
        ({"issuer": ""}, "issuer: one text that is not empty"),
        ({"issuer": ["a"]}, "issuer: one text that is not empty"),
        ({"secret": None}, "secret: missing"),
        ({"secret": []}, "secret: one secret, or 2"),
        ({"secret": ["a", "b", "c"]}, "secret: one secret, or 2"),
        ({"secret": 5}, "secret: a text, a SharedSecret or a SecretPlace"),
        ({"keys": "acme.pem"}, "keys: keys beside a secret"),
        ({"algorithms": []}, "algorithms: empty"),
        ({"audience": ""}, "audience: empty"),
        ({"max_age": 0}, "max_age: more than 0"),
        ({"max_age": True}, "max_age: a finite number"),
        ({"max_age": float("nan")}, "max_age: a finite number"),
        ({"accounts": "all"}, "accounts: 'own' or 'by_email'"),
        ({"enabled": "no"}, "enabled: true or false"),
    ],
)
def test_a_wrong_value_is_reported_by_its_name(values: dict[str, Any], told: str) -> None:
    assert told in fault(**values)
    assert SECRET not in fault(**values)


def test_every_fault_is_reported_at_once() -> None:
    told = fault(hosts=[""], issuer="", max_age=-1, enabled=0)

    assert [name for name in ("hosts[0]", "issuer", "max_age", "enabled") if name not in told] == []


def test_a_secret_may_be_in_any_of_four_forms(tmp_path: Path) -> None:
    file = tmp_path / "acme.secret"
    file.write_text(SECRET)
    forms: list[Any] = [SECRET, SECRET.encode(), SharedSecret(SECRET), SecretPlace(file=file)]

    for form in forms:
        [source] = Integration("acme", secret=form).key_sources()
        assert len(source.snapshot()) == 1


# --- several ---------------------------------------------------------------------------------


def made(*integrations: Integration) -> str:
    with pytest.raises(ConfigurationError) as caught:
        listed(list(integrations))
    return str(caught.value)


def test_integrations_of_one_host_need_issuers_that_differ() -> None:
    a = Integration("a", secret=SECRET, hosts=["x.example"], issuer="https://a")
    b = Integration("b", secret=SECRET, hosts=["x.example"])
    c = Integration("c", secret=SECRET, hosts=["x.example"], issuer="https://a")

    assert "a, b (host x.example): each needs an issuer" in made(a, b)
    assert "a, c (host x.example): two of them have the same issuer" in made(a, c)
    assert listed([a, Integration("d", secret=SECRET, hosts=["y.example"])])


def test_integrations_without_hosts_need_issuers_that_differ() -> None:
    a, b = Integration("a", secret=SECRET, issuer="https://a"), Integration("b", secret=SECRET)

    assert "a, b (no hosts): each needs an issuer" in made(a, b)


def test_one_id_is_not_listed_twice() -> None:
    a = Integration("a", secret=SECRET, hosts=["x.example"])
    b = Integration("a", secret=SECRET, hosts=["y.example"])

    assert "integrations.a: listed twice" in made(a, b)


@pytest.mark.parametrize("wrong", [None, 5, ["acme"], {"a": 1}])
def test_anything_else_is_no_list_of_integrations(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="the path of a TOML file"):
        listed(wrong)
