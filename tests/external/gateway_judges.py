"""Judges of a gateway's tokens that are not ours: two libraries of npm, one of PyPI, and Envoy.

Each is configured as our ``Verifier`` is: the issuer, the audience and the keys of the gateway; the
tolerance of clocks is its own default. JUDGES_DIR names a copy of ``judges`` in which ``npm
install`` has been run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from ..servers.running import ask, free_port
from .envoy import WORDS, configuration
from .gateway_corpus import VENDOR_ROWS, WSO2, Corpus
from .programs import installed, running

Verdicts = dict[str, dict[str, str | None]]
"""By form and case: why the token is refused; None where it is accepted."""

TIME_LIMIT = 60.0


class Judge(NamedTuple):
    """A judge: the forms that it can be asked about, and how it is asked.

    ``reads_lines``: it reads header lines, so it judges those too that hold no bare token.
    """

    forms: Sequence[str]
    ask: Callable[[Sequence[Corpus], Path], Verdicts]
    reads_lines: bool = False


def _jose(corpus: Corpus) -> dict[str, Any]:
    gateway = corpus.gateway.gateway
    return _rules(corpus) | {
        "algorithms": gateway.algorithms,
        "requiredClaims": [
            name for name in ("exp", *gateway.required) if name not in gateway.header_claims
        ],
    }


def _aws(corpus: Corpus) -> dict[str, Any]:
    claims = corpus.gateway.form.claims
    if "signer" not in claims:
        return {"audience": None} | _rules(corpus)
    return {
        "albArn": claims["signer"],
        "clientId": claims["client"],
        "issuer": corpus.gateway.issuer,
    }


def _google(corpus: Corpus) -> dict[str, Any]:
    return {"audience": _rules(corpus)["audience"]}


def _rules(corpus: Corpus) -> dict[str, Any]:
    """The issuer and the audience that we check."""
    gateway = corpus.gateway
    found = {"issuer": gateway.gateway.issuer} | gateway.verifier_options
    return {name: found[name] for name in ("issuer", "audience") if found.get(name) is not None}


def _keys(corpus: Corpus, shapes: tuple[str, ...]) -> dict[str, Any]:
    """The URL where the keys have one of these shapes; else the keys themselves."""
    gateway = corpus.gateway
    for path, shape in gateway.form.publishes.items():
        if shape in shapes:
            return {"url": gateway.origin + path.removesuffix("/{kid}")}
    return {"jwks": gateway.key.jwks()}


def _asking(
    command: Callable[[], Sequence[str | Path]],
    configured: Callable[[Corpus], dict[str, Any]],
    shapes: tuple[str, ...],
) -> Callable[[Sequence[Corpus], Path], Verdicts]:
    """Return a way to ask a program that reads a file of tokens and writes one of verdicts."""

    def ask_program(corpora: Sequence[Corpus], folder: Path) -> Verdicts:
        tokens, verdicts = folder / "tokens.json", folder / "verdicts.json"
        jobs = [
            {
                "form": corpus.form,
                "configured": configured(corpus),
                "keys": _keys(corpus, shapes),
                "tokens": [
                    {"name": case.key, "token": case.token, "options": case.options}
                    for case in corpus.cases
                    if case.token is not None
                ],
            }
            for corpus in corpora
        ]
        tokens.write_text(json.dumps(jobs))
        done = subprocess.run(
            [*command(), tokens, verdicts], capture_output=True, text=True, timeout=TIME_LIMIT
        )
        assert done.returncode == 0, done.stderr
        found: Verdicts = json.loads(verdicts.read_text())
        return found

    return ask_program


def _node(library: str) -> Callable[[], Sequence[str | Path]]:
    def command() -> Sequence[str | Path]:
        folder = os.environ.get("JUDGES_DIR")
        assert folder, "JUDGES_DIR is not set; .ci/run installs the judges and sets it"
        return ["node", Path(folder) / "judge.mjs", library]

    return command


def _python() -> Sequence[str | Path]:
    return [installed("python"), Path(__file__).parent / "judges" / "google_auth.py"]


def _ask_envoy(corpora: Sequence[Corpus], folder: Path) -> Verdicts:
    port, configured = free_port(), folder / "envoy.json"
    providers = {corpus.form: _provider(corpus) for corpus in corpora}
    configured.write_text(json.dumps(configuration(port, providers)))
    command = [installed("envoy"), "-c", configured, *WORDS]
    verdicts: Verdicts = {}
    with running(command, folder, port=port) as envoy, closing(envoy.connect()) as connection:
        for corpus in corpora:
            of_form = verdicts[corpus.form] = {}
            for case in corpus.cases:
                line = f"{corpus.gateway.header}: {case.line}"
                answer = ask(connection, f"/{corpus.form}/", line)
                assert answer.status in (200, 400, 401, 403), (corpus.form, case.name, answer)
                refusal = None if answer.status == 200 else answer.body.decode("utf-8", "replace")
                of_form[case.key] = refusal
    return verdicts


def _provider(corpus: Corpus) -> Mapping[str, Any]:
    gateway, form = corpus.gateway.gateway, corpus.gateway.form
    rules = _rules(corpus)
    header = {"name": corpus.gateway.header}
    if gateway.writes_scheme:
        header["value_prefix"] = f"{gateway.scheme} "
    provider: dict[str, Any] = {
        "from_headers": [header],
        "local_jwks": {"inline_string": json.dumps(corpus.gateway.key.jwks())},
        # Envoy reads claims of the payload alone.
        "require_expiration": "exp" not in gateway.header_claims or "exp" in form.repeated,
    }
    if "issuer" in rules:
        provider["issuer"] = rules["issuer"]
    if "audience" in rules:
        provider["audiences"] = [rules["audience"]]
    return provider


_JWKS = ("jwks", "jwks-and-certificates")

JUDGES: Mapping[str, Judge] = {
    "aws-jwt-verify": Judge(
        ("aws-alb", "aws-alb-2018", "bearer", "cloudflare-access"),
        _asking(_node("aws-jwt-verify"), _aws, ("pem", *_JWKS)),
    ),
    "google-auth": Judge(("google-iap",), _asking(_python, _google, ("pem-map",))),
    "jose": Judge(
        (
            "google-iap",
            "cloudflare-access",
            "aws-verified-access",
            "pomerium",
            "teleport",
            "oathkeeper",
            "bearer",
            WSO2,
        ),
        _asking(_node("jose"), _jose, _JWKS),
    ),
    "Envoy": Judge(tuple(VENDOR_ROWS), _ask_envoy, True),
}
