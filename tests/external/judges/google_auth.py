"""Judges tokens by google-auth, as Google's page on signed headers does.

Takes and writes the same files as ``judge.mjs``: ``python google_auth.py TOKENS VERDICTS``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from google.auth.transport import requests
from google.oauth2 import id_token


def judge(jobs: list[dict[str, Any]]) -> dict[str, dict[str, str | None]]:
    """Return why each token is refused, or None, by form and name."""
    request = requests.Request()
    judged: dict[str, dict[str, str | None]] = {}
    for job in jobs:
        of_form = judged[job["form"]] = {}
        for case in job["tokens"]:
            try:
                id_token.verify_token(
                    case["token"], request, certs_url=job["keys"]["url"], **job["configured"]
                )
            except Exception as error:
                of_form[case["name"]] = repr(error)
            else:
                of_form[case["name"]] = None
    return judged


if __name__ == "__main__":
    tokens, verdicts = map(Path, sys.argv[1:])
    verdicts.write_text(json.dumps(judge(json.loads(tokens.read_text()))))
