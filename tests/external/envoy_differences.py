"""Where Envoy and we judge a token differently, and the clause that decides it."""

from __future__ import annotations

Reasons = dict[str, tuple[str, ...]]

ENVOY_ALONE: Reasons = {
    "RFC 7515, 4.1.11: an extension that is critical and not understood, or a crit that is no list "
    "of such names, makes the token invalid; Envoy does not read crit": (
        "crit: ['exp']",
        "crit: ['made-up']",
        "crit: ['b64']",
        "crit: []",
        "crit: None",
        "crit: 'exp'",
        "crit: True",
        "crit: {}",
        "crit: [5]",
        "crit: [None]",
        "crit: ['alg']",
        "crit: ['kid']",
        "crit: ['exp', 'exp']",
        "crit: [['exp']]",
        "crit: ''",
        "crit: a name that is not there",
        "b64: false and critical",
    ),
    "RFC 7515, 2 and 5.2: base64url without padding, blanks or other characters": (
        "header: padded, and signed",
        "header: a blank inside, and signed",
        "header: a tab inside, and signed",
        "header: a blank after, and signed",
        "payload: padded, and signed",
        "payload: a blank inside, and signed",
        "payload: a tab inside, and signed",
        "payload: a blank after, and signed",
        "signature: padded",
        "signature: a blank inside",
        "signature: a tab inside",
    ),
    "RFC 7515, 7.1: three parts and two dots; Envoy skips a dot at the ends": (
        "parts: a dot before",
        "parts: a dot after",
    ),
    "RFC 8259, 2 and 7: no name without quotes, no single quotes, no comma at the end, no control "
    "character in a text": (
        "header: a comma after the last member",
        "header: single quotes",
        "header: a name without quotes",
        "header: a line feed in a text",
        "header: a tab in a text",
        "payload: a comma after the last member",
        "payload: single quotes",
        "payload: a name without quotes",
        "payload: a line feed in a text",
        "payload: a tab in a text",
    ),
    "RFC 7518, 3.4: r and s are of the curve's length, no longer": (
        "ES256: signature, one byte more",
        "ES256: wider halves",
    ),
    "RFC 7515, 5.2, and RFC 8725, 3.1: an algorithm that the application does not list is none of "
    "its own; Envoy has no such list": (
        "RS384, which the service does not list",
        "RS512, which the service does not list",
        "PS384, which the service does not list",
        "PS512, which the service does not list",
        "ES384, which the service does not list",
    ),
    "RFC 7517, 4.2 and 4.3: use and key_ops say what a key is for": (
        "RS256 by a key for encryption",
        "RS256 by a key for encryption, without a kid",
        "RS256 by a key for wrapping",
        "RS256 by a key for wrapping, without a kid",
    ),
    "RFC 7519, 4.1.3 and 2: audiences are compared letter by letter; Envoy drops the scheme and "
    "the last slash": (
        "aud: with a slash",
        "aud: without a scheme",
        "aud: http",
        "aud: http and a slash",
        "aud: the name with a scheme",
        "aud: the name with a slash",
        "aud: a list with a slash",
    ),
    # From here on the RFCs leave the choice, and we refuse.
    "RFC 7515, 4.1.7 and 4.1.8: a thumbprint is text; who does not use it need not look": (
        *(f"x5t: {value}" for value in ("None", "5", "['a']", "{'a': 1}", "True")),
        *(f"x5t#S256: {value}" for value in ("None", "5", "['a']", "{'a': 1}", "True")),
    ),
    "RFC 7515, 4.1.4: a kid is a hint; an empty one names no key of ours": ("kid: empty",),
    "RFC 7797, 6, and RFC 7516, 4.1: members of another form of token are taken at their word": (
        "b64: false, not critical",
        "zip: DEF",
        "enc: A256GCM",
    ),
    "RFC 4648, 3.5: a decoder may refuse bits that no byte needs, so that a token has one "
    "spelling": (
        "header: bits left over, and signed",
        "payload: bits left over, and signed",
        "signature: bits left over",
    ),
    "RFC 8259, 9: a parser may limit the length of numbers": (
        "header: a number of 100 digits",
        "payload: a number of 100 digits",
    ),
    "RFC 7519, 2: dates are in seconds; those beyond the year 5000 are milliseconds by mistake": (
        "exp: in milliseconds",
        "exp: 1e11",
        "exp: 2^53 + 1",
        "exp: 2^63",
        "iat: in milliseconds",
        "iat: 1e11",
        "iat: 2^53 + 1",
        "iat: 2^63",
    ),
    "RFC 7519, 4.1.6: a token from the future tells of a wrong clock, and max_age counts from "
    "iat": (
        "iat: in 40 s",
        "iat: in 3600 s",
        "iat: in 315360000 s",
    ),
    "RFC 9110, 5.4: a server may limit the size of a field": (
        "parts: 17 kilobytes",
        "parts: 35 kilobytes",
    ),
}

WE_ALONE: Reasons = {
    "RFC 7519, 2: a NumericDate is any number, one before 1970 too; Envoy wants it positive": (
        "nbf: below zero",
        "nbf: a fraction below zero",
        "nbf: below -2^63",
        "nbf: minus 1e300",
        "iat: below zero",
        "iat: a fraction below zero",
        "iat: below -2^63",
        "iat: minus 1e300",
    ),
}


def table() -> dict[str, str]:
    """Return who alone accepts each case."""
    return {
        name: who
        for who, reasons in (("Envoy", ENVOY_ALONE), ("we", WE_ALONE))
        for names in reasons.values()
        for name in names
    }
