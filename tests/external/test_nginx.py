"""nginx as the gateway: with njs it signs assertions in WSO2's forms, in front of real servers."""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from string import Template
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from jwt_middleware.testing import FORMS, SigningKey, mint, ucsd_claims

from ..key_server import KeyServer, status
from ..servers.running import Answer, free_port
from .programs import Program, running, serving

pytestmark = pytest.mark.external

HERE = Path(__file__).parent / "nginx"
MODULES = Path("/usr/lib/nginx/modules")
LIMIT = 10.0
CALLERS = {
    "access-token-of-ana": {
        "client_id": "acme_corp",
        "enduser": "ana@carbon.super",
        "role": "Internal/everyone,acme_buyer",
    },
    "access-token-of-ben": {"client_id": "globex_ind", "enduser": "ben@carbon.super"},
}
ANA = "Authorization: Bearer access-token-of-ana"
BEN = "Authorization: Bearer access-token-of-ben"


FORMS_OF_WSO2 = ("wso2-4.2", "wso2-1.9")
SITES = [
    pytest.param((server, f"{name}_site:app", form), id=f"{name} on {server}, {form}")
    for server, name in (("uvicorn", "starlette"), ("gunicorn", "flask"), ("gunicorn", "django"))
    for form in FORMS_OF_WSO2
]
ON_ALL = pytest.mark.parametrize("site", SITES, indirect=True, scope="module")
# Django under WSGI reads no body without a length (its WSGIRequest limits the stream by it).
ON_THOSE_THAT_READ_CHUNKS = pytest.mark.parametrize(
    "site", SITES[:4], indirect=True, scope="module"
)


@dataclass
class Gateway:
    """The running nginx, and the key that it signs with."""

    form: str
    folder: Path
    upstream: int
    port: int = field(default_factory=free_port)
    keys: list[SigningKey] = field(default_factory=list)
    program: Program = field(init=False)

    def prepare(self) -> None:
        """Write a new key, and what else the script knows; it counts from the next (re)load on."""
        form = FORMS[self.form]
        key = SigningKey(key_id=f"nginx-{len(self.keys) + 1}")
        self.keys.append(key)
        der = key.private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        settings = {
            "padded": form.padded,
            "milliseconds": form.milliseconds,
            "issued_at": form.issued_at,
            "x5t": form.x5t_of(key.certificate),
            "pkcs8": base64.b64encode(der).decode(),
            "jwks": {"keys": [each.jwk(x5t=form.x5t_of(each.certificate)) for each in self.keys]},
            "context": "/orders/1.0",
            "callers": CALLERS,
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))

    @contextmanager
    def running(self) -> Iterator[None]:
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        assert Path(binary).exists(), "nginx is not installed; .ci/run installs it"
        self.prepare()
        filled = _Conf((HERE / "nginx.conf").read_text()).substitute(
            modules=MODULES,
            user=pwd.getpwuid(os.getuid()).pw_name,
            folder=self.folder,
            scripts=HERE,
            port=self.port,
            upstream=self.upstream,
        )
        conf = self.folder / "nginx.conf"
        conf.write_text(filled)
        command = [binary, "-p", self.folder, "-e", "stderr", "-c", conf]
        with running(command, self.folder, port=self.port) as self.program:
            yield

    def rotate(self) -> str:
        """Sign with a new key from now on, the old ones still published; return its kid."""
        self.prepare()
        master = self.program.process.pid
        before = _children(master)
        os.kill(master, signal.SIGHUP)
        deadline = time.monotonic() + LIMIT
        while not (now := _children(master)) or now & before:
            assert time.monotonic() < deadline, f"nginx did not reload:\n{self.program.told}"
            time.sleep(0.02)
        return f"nginx-{len(self.keys)}"


class _Conf(Template):
    delimiter = "@"


def _children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


@dataclass
class Site:
    """An app, and the gateway in front of it."""

    app: Program
    gateway: Gateway

    def through(self, path: str, *lines: str) -> Answer:
        return self.gateway.program.ask(path, *lines)

    def forged(self) -> str:
        """A token that looks like the gateway's, for eve, signed with a key of her own."""
        return mint(SigningKey(), ucsd_claims(enduser="eve@carbon.super"), form=self.gateway.form)


@pytest.fixture(scope="module")
def site(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    server, app, form = request.param
    folder = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(form, folder, upstream=free_port())
    jwks_url = f"http://127.0.0.1:{gateway.port}/jwks"
    with (
        gateway.running(),
        serving(server, app, folder, port=gateway.upstream, JWKS_URL=jwks_url) as program,
    ):
        yield Site(program, gateway)


@ON_ALL
def test_the_caller_is_known_to_the_app_by_the_assertion_alone(site: Site) -> None:
    answer = site.through("/who", ANA)

    assert answer.status == 200, site.app.told
    told = answer.told
    assert (told["subject"], told["client"]) == ("ana@carbon.super", "acme_corp")
    assert told["roles"] == ["Internal/everyone", "acme_buyer"]
    assert "x-jwt-assertion" in told["headers"]
    assert "authorization" not in told["headers"]


@ON_ALL
def test_each_caller_is_himself(site: Site) -> None:
    told = [site.through("/who", line).told["subject"] for line in (ANA, BEN, ANA, BEN)]

    assert told == ["ana@carbon.super", "ben@carbon.super"] * 2


@ON_ALL
def test_past_the_gateway_there_is_no_way_in(site: Site) -> None:
    for lines in ((), (ANA,), (f"X-JWT-Assertion: {site.forged()}",)):
        assert site.app.ask("/who", *lines).status == 401


@ON_ALL
@pytest.mark.parametrize("name", ["X-JWT-Assertion", "x-jwt-assertion", "X_JWT_Assertion"])
def test_a_forged_header_is_replaced(name: str, site: Site) -> None:
    answer = site.through("/who", f"{name}: {site.forged()}", ANA)

    assert (answer.status, answer.told["subject"]) == (200, "ana@carbon.super")
    assert [each for each in answer.told["headers"] if "assertion" in each] == ["x-jwt-assertion"]


@ON_ALL
def test_every_forged_line_is_replaced(site: Site) -> None:
    line = f"X-JWT-Assertion: {site.forged()}"

    assert site.through("/who", line, ANA, line).told["subject"] == "ana@carbon.super"


@ON_ALL
def test_a_forged_header_is_no_access_token(site: Site) -> None:
    assert site.through("/who", f"X-JWT-Assertion: {site.forged()}").status == 401


@ON_ALL
def test_the_first_request_after_a_rotation_succeeds(site: Site) -> None:
    before = site.through("/who", ANA).told["key"]
    kid = site.gateway.rotate()

    answer = site.through("/who", ANA)

    assert answer.status == 200, site.app.told
    assert answer.told["key"] == kid != before


@ON_ALL
def test_a_body_streams_through_both_ways(site: Site) -> None:
    """Each piece is answered before the next is sent, so neither of them keeps the whole."""
    with closing(site.gateway.program.connect()) as connection:
        begin(connection, "Content-Length: 3072")
        connection.send(b"a" * 1024)
        response = connection.getresponse()
        assert (response.status, response.read(1024)) == (200, b"A" * 1024), site.app.told
        for letter in (b"b", b"c"):
            connection.send(letter * 1024)
            assert response.read(1024) == letter.upper() * 1024
        assert response.read() == b""


@ON_THOSE_THAT_READ_CHUNKS
def test_a_body_of_unknown_length_streams_through_both_ways(site: Site) -> None:
    with closing(site.gateway.program.connect()) as connection:
        begin(connection, "Transfer-Encoding: chunked")
        connection.send(chunk(b"a" * 1024))
        response = connection.getresponse()
        assert (response.status, response.read(1024)) == (200, b"A" * 1024), site.app.told
        connection.send(chunk(b"b" * 1024))
        assert response.read(1024) == b"B" * 1024
        connection.send(chunk(b""))
        assert response.read() == b""


@pytest.mark.parametrize("form", FORMS_OF_WSO2)
def test_a_backend_gets_the_form_of_that_version_and_nothing_of_the_callers(
    form: str, tmp_path: Path
) -> None:
    with KeyServer(status(200)) as backend:
        gateway = Gateway(form, tmp_path, upstream=int(backend.origin.rpartition(":")[2]))
        with gateway.running():
            assert gateway.program.ask("/", ANA, "X_JWT_Assertion: a.b.c").status == 200
        found = backend.requests[0]

    assert "Authorization" not in found
    assert "X_JWT_Assertion" not in found
    header, payload, signature = found["X-JWT-Assertion"].split(".")
    spelled = FORMS[form]
    for segment in (header, payload, signature):
        assert not set(segment) & set("-_")
        text = segment.rstrip("=")
        assert segment == text + "=" * (-len(text) % 4 if spelled.padded else 0)
    x5t = spelled.x5t_of(gateway.keys[0].certificate)
    assert decoded(header) == {"typ": "JWT", "alg": "RS256", "x5t": x5t}
    claims = decoded(payload)
    assert claims["exp"] == pytest.approx(spelled.time(time.time() + 900), abs=spelled.time(60))
    assert ("iat" in claims) is spelled.issued_at


def decoded(segment: str) -> Any:
    return json.loads(base64.b64decode(segment + "=" * (-len(segment) % 4)))


def begin(connection: HTTPConnection, *lines: str) -> None:
    connection.putrequest("POST", "/shout")
    for line in (ANA, *lines):
        connection.putheader(*line.split(": "))
    connection.endheaders()


def chunk(piece: bytes) -> bytes:
    """Frame one piece (RFC 9112, 7.1); the empty one is the end."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)
