"""The audit trail of real servers: several workers, one file, rotated under load."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey

from .running import Answer, Server, ask, running

REQUESTS = 160


def delete(server: Server, number: int, token: str) -> Answer:
    sent = (f"X-JWT-Assertion: {token}", f"X-Request-ID: r-{number}")
    with closing(server.connect()) as connection:
        return ask(connection, f"/classes/C{number}", *sent, method="DELETE")


def lines_in(folder: Path) -> list[dict[str, Any]]:
    raw = b"".join(path.read_bytes() for path in folder.glob("audit*"))
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize(
    "name, app",
    [
        ("gunicorn, 4 preloaded", "audited_site:flask_app"),
        ("uvicorn", "audited_site:starlette_app"),
    ],
)
def test_who_deleted_what_stands_in_one_file_with_the_request_that_did_it(
    name: str, app: str, tmp_path: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setenv("AUDIT_FILE", str(path))
    with running(name, app, tmp_path, rsa_key) as server, ThreadPoolExecutor(8) as pool:
        token = server.token(enduser="ana")
        asked: list[Future[Answer]] = []
        for turn in range(3):
            batch = range(turn * 40, turn * 40 + 40)
            asked += [pool.submit(delete, server, each, token) for each in batch]
            asked[batch[20]].result()  # it began after the last renaming
            path.rename(tmp_path / f"audit.{turn}")
        asked += [pool.submit(delete, server, each, token) for each in range(120, REQUESTS)]
        answers = [each.result() for each in asked]
        refused = server.get("/classes/C0")
        lines = lines_in(tmp_path)

    assert {answer.status for answer in answers} == {200}
    expected = {f"r-{number}" for number in range(REQUESTS)}
    for kind in ("decided", "class_deleted"):
        found = [each for each in lines if each["event.name"] == kind and "enduser.id" in each]
        assert len(found) == REQUESTS
        assert {each["http.request.id"] for each in found} == expected
        assert {each["enduser.id"] for each in found} == {"ana"}
        assert len({each["http.route"] for each in found}) == 1
    assert all(
        each["app.class_id"][1:] == each["http.request.id"][2:]
        for each in lines
        if each["event.name"] == "class_deleted"
    )
    denied = [each for each in lines if each.get("jwt.result") == "denied"]
    assert [each["jwt.reference"] for each in denied] == [refused.told["reference"]]
