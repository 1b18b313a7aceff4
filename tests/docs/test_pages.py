"""The README and the documentation tell the truth: every block in them is run."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..adapters.harness import Answer, call_asgi, call_wsgi
from .blocks import Page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED_CURL = re.compile(r"^\$ curl ", re.MULTILINE)


def page_params() -> list[Any]:
    """Each page; one that types curl needs more than Python."""
    return [
        pytest.param(
            page,
            id=str(page.relative_to(ROOT)),
            marks=[pytest.mark.external] if TYPED_CURL.search(page.read_text("utf-8")) else [],
        )
        for page in PAGES
    ]


def ask(app: Any, path: str, token: str | None = None, method: str = "GET", **more: str) -> Answer:
    """Ask an app, ASGI or WSGI; further headers by name, a hyphen written as ``_``."""
    headers = [(name.replace("_", "-"), value) for name, value in more.items()]
    if token is not None:
        headers.append(("X-JWT-Assertion", token))
    is_asgi = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)
    return (call_asgi if is_asgi else call_wsgi)(app, method, path, headers)


def show_answers(app: Any, *requests: tuple[str, str | None]) -> None:
    """Print each request to a path, with a token or without, and what it is answered."""
    for path, token in requests:
        answer = ask(app, path, token)
        told = answer.json() if answer.status == 200 else {"code": answer.json()["code"]}
        sent = "X-JWT-Assertion: eyJ0..." if token else ""
        print("GET", path, sent, answer.status, json.dumps(told))


@pytest.mark.parametrize("path", page_params())
def test_every_block_of_the_page_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    (tmp_path / "token.txt").write_text(mint(rsa_key, ucsd_claims()))

    def token(**claims: Any) -> str:
        return mint(rsa_key, ucsd_claims(**claims))

    names = {"page": path, "key": rsa_key, "token": token, "ask": ask, "show_answers": show_answers}
    Page(path, tmp_path, names).run()


@pytest.mark.parametrize("path", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_what_is_left_out_has_a_reason(path: Path) -> None:
    skips = re.findall(r"<!-+ *skip.*", path.read_text("utf-8"))

    assert [skip for skip in skips if not re.match(r'<!-- skip: next "[^"]{10,}" -->$', skip)] == []


@pytest.mark.parametrize("path", PAGES[1:], ids=[str(page.relative_to(ROOT)) for page in PAGES[1:]])
def test_a_page_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 250
