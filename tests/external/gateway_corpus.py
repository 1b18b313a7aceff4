"""One corpus of tokens for each gateway: its vendor's documented checks, and how it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any, NamedTuple

from jwt_middleware import AuthenticationError, Verifier
from jwt_middleware.testing import FORMS, LocalGateway

from ..gateways.test_vendor_checks import (
    EXPIRY,
    KID,
    ROWS,
    SIGNATURE,
    Row,
    another_key,
    line_of,
    token_of,
)
from .wire_cases import changed_token, wire_cases

WSO2 = "wso2-4.2-urlsafe"

VENDOR_ROWS: Mapping[str, tuple[Row, ...]] = {**ROWS, WSO2: (*SIGNATURE, *KID, *EXPIRY)}

# In base64, "?????" has the slash that is in one alphabet alone, wherever it begins.
_TELLTALE = {"note": "?????"}


class Case(NamedTuple):
    """A token of the corpus.

    Attributes:
        name: what was changed.
        kind: the kind of its caller, ``person`` or ``service``.
        token: the bare token; None where the change is to the header line.
        line: the whole header line.
        options: options of the verifier that go with the change.
        is_good: whether the vendor's checks let it pass; None where no page of the vendor says.

    """

    name: str
    kind: str
    token: str | None
    line: str
    options: Mapping[str, Any]
    is_good: bool | None

    @property
    def key(self) -> str:
        """A name that no other case of the gateway has."""
        return f"{self.kind}: {self.name}"


class Corpus(NamedTuple):
    """The tokens of one gateway, which is running, what we say of each, and when all were made."""

    form: str
    gateway: LocalGateway
    made: float
    cases: list[Case]
    by_us: dict[str, bool]


@contextmanager
def every_corpus() -> Iterator[dict[str, Corpus]]:
    """Make all tokens at one moment, and judge them by our own rules."""
    with ExitStack() as stack:
        gateways = {name: stack.enter_context(_gateway(name)) for name in VENDOR_ROWS}
        for gateway in gateways.values():
            another_key(gateway.key.algorithm, gateway.key.key_id)  # takes its time, so before
        now = time.time()
        cases = {name: list(_cases(name, gateway, now)) for name, gateway in gateways.items()}
        yield {
            name: Corpus(name, gateway, now, cases[name], _our_verdicts(gateway, cases[name]))
            for name, gateway in gateways.items()
        }


def _gateway(name: str) -> LocalGateway:
    # WSO2's URLSafeJWTGenerator, which a site may configure with any version.
    form = FORMS["wso2-4.2-kid"]._replace(alphabet="urlsafe") if name == WSO2 else FORMS[name]
    form = form._replace(claims={**form.claims, **_TELLTALE})
    # The AlbJwtVerifier wants an issuer, so we check it as well.
    return LocalGateway(form, issuer=form.claims["iss"] if form.repeated else None)


def _cases(name: str, gateway: LocalGateway, now: float) -> Iterator[Case]:
    form = gateway.form
    for kind in ("person", "service")[: 1 + (form.service is not None)]:
        for row in VENDOR_ROWS[name]:
            token = token_of(gateway, kind, row, now) if row.written is None else None
            line = line_of(gateway, kind, row, now)
            yield Case(row.name, kind, token, line, row.options, row.code is None)
    good = token_of(gateway, "person", Row(name="a good token"), now)
    for case in wire_cases(now):
        changed = changed_token(case, good, form, gateway.key)
        if changed is not None:
            yield Case(case.name, "person", changed, gateway.written(changed), {}, None)


def _our_verdicts(gateway: LocalGateway, cases: list[Case]) -> dict[str, bool]:
    verdicts: dict[str, bool] = {}
    with ExitStack() as stack:
        verifiers: dict[str, Verifier] = {}
        for case in cases:
            options = {**gateway.verifier_options, **case.options}
            if repr(case.options) not in verifiers:
                verifiers[repr(case.options)] = stack.enter_context(closing(Verifier(**options)))
            try:
                verifiers[repr(case.options)].authenticate([case.line])
            except AuthenticationError:
                verdicts[case.key] = False
            else:
                verdicts[case.key] = True
    return verdicts
