"""Where a person goes after signing on: a path of this site, and nothing else.

The rule is a list of what is allowed, and it is asked of every reading that some program on the way
may have: the value as it stands, and each further percent-decoding of it. What has two readings is
no path of ours (RFC 3986; the URL standard, https://url.spec.whatwg.org, for what browsers do: they
take ``\\`` for ``/``, and drop tabs and line ends).
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes

from ..path_lists import is_plain

HOME = "/"
"""Where everybody goes whose ``go`` is absent or refused."""

MOST_CHARACTERS = 2048
_MOST_DECODINGS = 8
# RFC 3986, 3.3 to 3.5: pchar, the separators of path, query and fragment; and an escape is whole.
_ALLOWED = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?#\u0080-\U0010ffff-]|%[0-9A-Fa-f]{2})*")
_DECODED_TOO = frozenset('"%<>[]^`{|} ')


def local_path(go: str) -> str | None:
    """Return the path for ``Location``, in ASCII; None where ``go`` is not a path of this site.

    A path of this site begins with one ``/``. No segment of it is empty, ``.`` or ``..``, and the
    first holds neither ``:`` nor ``@``: it is what is left of an absolute URL whose front was cut
    off. There is no backslash and no control character, and of other characters than ASCII only
    letters, marks and digits that have one form (so no full-width slash). All this holds however
    often it is decoded.
    """
    if not 0 < len(go) <= MOST_CHARACTERS or _ALLOWED.fullmatch(go) is None:
        return None
    form = go
    for _ in range(_MOST_DECODINGS):
        if not _is_local(form):
            return None
        try:
            decoded = unquote_to_bytes(form).decode("utf-8")
        except UnicodeError:  # an overlong form, or no UTF-8 at all
            return None
        if decoded == form:
            return quote(go, safe="%._~!$&'()*+,;=:@/?#-")
        form = decoded
    return None


def _is_local(form: str) -> bool:
    path = re.split(r"[?#]", form, maxsplit=1)[0]
    first = path[1:].partition("/")[0]
    return (
        is_plain(path)
        and not set(first) & {":", "@"}
        and "\\" not in form
        and all(_is_allowed(character) for character in form)
    )


def _is_allowed(character: str) -> bool:
    if character.isascii():
        return character in _DECODED_TOO or _ALLOWED.fullmatch(character) is not None
    one_form = unicodedata.normalize("NFKC", character) == character
    return one_form and unicodedata.category(character)[0] in "LMN"
