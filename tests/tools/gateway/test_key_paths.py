"""The gateway serves keys where each vendor does, and everything else is the app's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from jwt_middleware.testing import FORMS, LocalGateway, sample_accounts
from jwt_middleware.testing.publishing import is_published
from jwt_middleware.tools.gateway import Caller, DevelopmentGateway, serving

from .conftest import Upstream

VENDORS = [name for name in FORMS if not name.startswith("wso2-") and name != "standard"]
UUID = "01234567-89ab-4def-8123-456789abcdef"


@contextmanager
def before(upstream: Upstream, local: LocalGateway) -> Iterator[str]:
    """Serve a gateway that signs for jroe before an app; yield its URL."""
    everyone = Caller(None, sample_accounts().users["jroe"])
    with serving(upstream) as behind:
        gateway = DevelopmentGateway({"/a/1": behind}, sample_accounts(), local, everyone=everyone)
        with serving(gateway.app) as url:
            local.publish_at(url)
            yield url


@pytest.mark.parametrize("form", VENDORS)
def test_keys_are_at_the_vendor_s_paths_and_every_other_path_is_the_app_s(
    form: str, client: httpx2.Client
) -> None:
    local, upstream = LocalGateway(form), Upstream()
    with before(upstream, local) as url:
        for path in FORMS[form].publishes:
            answer = client.get(url + path.replace("{kid}", str(local.key.key_id)))
            assert answer.status_code == 200
            assert answer.content == local.answer(answer.url.path).body
            assert answer.headers["Cache-Control"] == "max-age=30"
        assert upstream.asked == []
        for path in ("/", "/orders", "/jwks", f"/orders/{UUID}"):
            assert client.get(url + path).text == "fine"
        assert client.post(url + next(iter(FORMS[form].publishes))).text == "fine"


@pytest.mark.parametrize("form", VENDORS)
def test_the_app_gets_the_vendor_s_header_and_none_that_a_caller_forged(
    form: str, client: httpx2.Client
) -> None:
    local, upstream = LocalGateway(form), Upstream()
    with before(upstream, local) as url:
        name = local.gateway.headers[0]
        # The caller's own credentials are for this gateway.
        forged = {} if name == "Authorization" else {name: "forged", name.upper(): "forged"}
        client.get(url + "/x", headers=forged)
        lines = upstream.asked[-1]["headers"]

    values = [value.decode() for key, value in lines if key == name.lower().encode()]
    assert values == [local.written(values[0].rpartition(" ")[2])]
    assert values[0].count(".") == 2


@pytest.mark.parametrize(
    "form, path, published",
    [
        ("aws-alb", f"/{UUID}", True),
        ("aws-alb", f"/{UUID}/", False),
        ("aws-alb", "/orders", False),
        ("aws-alb", "/", False),
        ("bearer", "/.well-known/jwks.json", True),
        ("bearer", "/xwell-known/jwks.json", False),
        ("wso2-4.2", "/jwks", True),
        ("wso2-4.2", "/jwks/", False),
    ],
)
def test_a_path_is_the_key_endpoint_s_whole_or_not_at_all(
    form: str, path: str, published: bool
) -> None:
    assert is_published(path, FORMS[form]) is published
