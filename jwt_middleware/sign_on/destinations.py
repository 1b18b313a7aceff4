"""Where a person goes after signing on: a path of this site, and nothing else.

The rule lists what is allowed, and every reading that some program on the way may have must keep
it: the value as it is, and each further percent-decoding of it. What has two readings is refused
(RFC 3986; for browsers, which take ``\\`` for ``/`` and drop tabs and line breaks, the URL standard
at https://url.spec.whatwg.org).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

from ..authorization.request import is_plain

HOME = "/"
"""The destination where ``go`` is absent or refused."""

MOST_CHARACTERS = 2048
_MOST_DECODINGS = 8
# RFC 3986, 3.3 to 3.5: pchar, the separators of path, query and fragment; and an escape is whole.
_ALLOWED = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?#\u0080-\U0010ffff-]|%[0-9A-Fa-f]{2})*")
_DECODED_TOO = frozenset('"%<>[]^`{|} ')


def local_path(go: str) -> str | None:
    """Return the path for ``Location``, in ASCII; None where ``go`` is not a path of this site.

    A path of this site begins with one ``/``. No segment of it is empty, ``.`` or ``..``, and the
    first has neither ``:`` nor ``@``, as the rest of a truncated absolute URL would. It has no
    backslash and no control character, and beyond ASCII only letters, marks and digits that have
    one form (so no full-width slash). All this must hold however often it is decoded, and whether
    an escaped ``?`` or ``#`` ends the path or is a part of it.
    """
    if not 0 < len(go) <= MOST_CHARACTERS or _ALLOWED.fullmatch(go) is None:
        return None
    path, rest = _parts(go)
    try:
        paths, rests = list(_decodings(path)), list(_decodings(rest))
    except ValueError:
        return None
    if not all(_is_local(form) and _is_local(_parts(form)[0]) for form in paths):
        return None
    if not all(_is_printable(form) for form in (*paths, *rests)):
        return None
    return quote(go, safe="%._~!$&'()*+,;=:@/?#-")


def leads_to(go: str, path: str) -> bool:
    """Whether any program on the way may read a path from ``local_path`` as this one.

    With or without a slash at its end: frameworks redirect from one to the other.
    """
    forms = _decodings(_parts(go)[0])
    readings = {text.rstrip("/") for form in forms for text in (form, _parts(form)[0])}
    return path.rstrip("/") in readings


def _parts(form: str) -> tuple[str, str]:
    """Return the path, and the query and fragment with the character that begins them."""
    path = re.split("[?#]", form, maxsplit=1)[0]
    return path, form[len(path) :]


def _decodings(form: str) -> Iterator[str]:
    """Yield a text and each further percent-decoding of it.

    Raises ``ValueError`` where one is not strict UTF-8, or there are too many.
    """
    for _ in range(_MOST_DECODINGS):
        yield form
        decoded = unquote_to_bytes(form).decode("utf-8")
        if decoded == form:
            return
        form = decoded
    raise ValueError


def _is_local(path: str) -> bool:
    first = path[1:].partition("/")[0]
    return is_plain(path) and not set(first) & {":", "@"}


def _is_printable(form: str) -> bool:
    return "\\" not in form and all(_is_allowed(character) for character in form)


def _is_allowed(character: str) -> bool:
    if character.isascii():
        return character in _DECODED_TOO or _ALLOWED.fullmatch(character) is not None
    one_form = unicodedata.normalize("NFKC", character) == character
    return one_form and unicodedata.category(character)[0] in "LMN"
