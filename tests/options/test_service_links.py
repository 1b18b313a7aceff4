"""Kubernetes service links: told from options that are misspelt, with the way out."""

from __future__ import annotations

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.middleware.settings import Settings


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({}, environ)
    return str(caught.value)


SERVICE_LINKS = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "80",
    "SERVICE_PORT_HTTP": "80",
    "PORT": "tcp://10.0.0.1:80",
    "PORT_80_TCP": "tcp://10.0.0.1:80",
    "PORT_80_TCP_PROTO": "tcp",
    "PORT_80_TCP_PORT": "80",
    "PORT_80_TCP_ADDR": "10.0.0.1",
    "PORT_53_UDP": "udp://10.0.0.1:53",
    "PORT_9_SCTP_ADDR": "10.0.0.1",
}


@pytest.mark.parametrize("service", ["", "X_", "KEYS_", "GATEWAY_V2_", "CONFIG_"])
@pytest.mark.parametrize("name", SERVICE_LINKS)
def test_a_kubernetes_service_link_is_called_what_it_is(name: str, service: str) -> None:
    variable = f"JWT_MIDDLEWARE_{service}{name}"

    message = refused({variable: SERVICE_LINKS[name]})

    assert variable in message
    assert "Kubernetes service link" in message
    assert "enableServiceLinks: false" in message
    assert "10.0.0.1" not in message


@pytest.mark.parametrize("name, value", [("PORT", "8080"), ("SUPPORT", "tcp://x"), ("PORTS", "80")])
def test_a_misspelt_option_is_no_service_link(name: str, value: str) -> None:
    assert "there is no option" in refused({f"JWT_MIDDLEWARE_{name}": value})
