"""The small page that a person sees where a browser's request is refused, and who prefers it.

One document, which loads nothing and runs no script: no file of the site is needed to show it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape

_STYLE = """\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#f6f7f9;--card:#fff;\
--line:#d4d9df;--accent:#0b57d0}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a2abb5;--paper:#14171b;\
--card:#1d2126;--line:#363d46;--accent:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0;padding:12vh 1rem 2rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);\
background:var(--paper)}
main{max-width:32rem;margin:0 auto;padding:1.5rem;background:var(--card);\
border:1px solid var(--line);border-radius:.5rem;overflow-wrap:anywhere}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}
p{margin:0 0 .75rem}
ul{padding-left:1.25rem}
a{color:var(--accent)}
a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
footer{margin-top:1.25rem;padding-top:.75rem;border-top:1px solid var(--line);\
color:var(--soft);font-size:.875rem}
footer p{margin:0}
code{font-family:ui-monospace,monospace}
"""


def style_source(style: str) -> str:
    """Return a page's style as a source of ``style-src`` (Content Security Policy 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"


STYLE_SOURCE = style_source(_STYLE)
"""That of the page here."""


def refusal_page(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    faults: Iterable[str] = (),
    reference: str | None = None,
    way_out: tuple[str, str] | None = None,
) -> bytes:
    """Return the page, in UTF-8.

    ``way_out`` is a link of the site: its path and its text.
    """
    items = "".join(f"<li>{escape(fault)}</li>" for fault in faults)
    listed = f"<ul>{items}</ul>" if items else ""
    link = f'<p><a href="{escape(way_out[0])}">{escape(way_out[1])}</a></p>' if way_out else ""
    line = f"<p>Reference: <code>{escape(reference)}</code></p>" if reference else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{status} {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(detail)}</p>{listed}{link}"
        f"<footer><p>Code: <code>{escape(code)}</code></p>{line}</footer></main></body></html>"
    ).encode()


def prefers_html(accept: str) -> bool:
    """Whether an Accept header (RFC 9110, 12.5.1) wants HTML more than JSON."""
    html, json_ = _weights(accept)
    return html > json_


def prefers_json(accept: str) -> bool:
    """Whether an Accept header asks for JSON by name, and for HTML less or not at all."""
    html, json_ = _weights(accept)
    return json_ > html and "json" in accept.lower()


def _weights(accept: str) -> tuple[float, float]:
    """Return how much a caller wants HTML, and JSON; neither where the header is too long."""
    if len(accept) > 1024:
        return 0.0, 0.0
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):  # media types ignore case (RFC 9110, 8.3.1)
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        weights[kind] = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weights[kind] = float(value)
                except ValueError:
                    weights[kind] = 0.0
    json_ = ("application/problem+json", "application/json", "application/*", "*/*")
    return weights.get("text/html", 0.0), max(weights.get(kind, 0.0) for kind in json_)
