"""Where a judge and we say different things of a gateway's token, and who decides it.

That is the vendor's page, an RFC or, where those leave the choice, what the judge says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .gateway_corpus import WSO2, Corpus
from .gateway_reasons import (
    ACCESS_TOKEN_TYP,
    ALB,
    ALB_2018,
    AVA,
    BEARER,
    BITS,
    CLOUDFLARE,
    CRIT,
    GOOD_IN_2018,
    HEADER_EXP,
    HEADER_EXP_CASES,
    HEADER_ISSUER,
    IAP,
    IAT,
    KID_OF_AWS,
    LEEWAY,
    MILLISECONDS,
    NO_AUDIENCE,
    NO_AUDIENCE_CASES,
    NO_PAYLOAD_EXP_CASES,
    OATHKEEPER,
    OTHER_FORMS,
    PADDING,
    POMERIUM,
    SIGNER,
    STANDARD_ALPHABET,
    TELEPORT,
    TWICE,
    TYPE,
    UNPADDED,
    Difference,
)

JUDGE_ALONE: Mapping[str, Sequence[Difference]] = {
    "aws-jwt-verify": (
        CRIT._replace(forms=(ALB, BEARER, CLOUDFLARE)),
        OTHER_FORMS._replace(forms=(ALB, BEARER, CLOUDFLARE)),
        TWICE._replace(forms=(ALB, BEARER, CLOUDFLARE)),
        BITS._replace(forms=(ALB, BEARER, CLOUDFLARE)),
        PADDING._replace(forms=(BEARER, CLOUDFLARE)),
        Difference(
            MILLISECONDS,
            ("exp: in milliseconds", "exp: in milliseconds, an hour ago"),
            (ALB, BEARER, CLOUDFLARE),
        ),
        Difference(
            "Elastic Load Balancing guide, Cloudflare's 'Application token' and RFC 9068, 2.2: "
            "every token has exp; this judge checks it where it is there (jwt.ts, "
            "validateJwtFields)",
            ("exp is missing",),
            (ALB, BEARER, CLOUDFLARE),
        ),
        Difference(HEADER_EXP, HEADER_EXP_CASES, (ALB,)),
        HEADER_ISSUER,
        Difference(TYPE, ("type is that of an organisation token", "type is missing"),
                   (CLOUDFLARE,)),
        ACCESS_TOKEN_TYP,
        Difference(NO_AUDIENCE, NO_AUDIENCE_CASES, (ALB,)),
        Difference(
            "RFC 7519, 4.1.6: what is done about an iat is the service's choice; this judge reads "
            "its type alone",
            ("iat: in 45 s",),
            (ALB, BEARER, CLOUDFLARE),
        ),
        Difference(
            "RFC 7519, 7.2: the payload is UTF-8; this judge puts U+FFFD for what is not",
            ("payload: not UTF-8",),
            (ALB, BEARER, CLOUDFLARE),
        ),
    ),
    "google-auth": (
        CRIT,
        OTHER_FORMS,
        TWICE,
        BITS,
        PADDING,
        Difference(
            "RFC 7515, 2: base64url has an alphabet of its own; Python's urlsafe_b64decode, which "
            "this judge uses, reads both",
            ("written: in the other alphabet",),
        ),
        Difference(MILLISECONDS, ("exp: in milliseconds", "exp: in milliseconds, an hour ago")),
        Difference(
            "Google, 'Securing your app with signed headers': iss is https://cloud.google.com/iap; "
            "verify_token leaves it to its caller, and so does the page's own sample",
            ("iss is another", "iss is missing", "iss: a number"),
        ),
        Difference(
            "RFC 7519, 4.1.5: a token is not accepted before nbf; this judge reads iat and exp",
            ("nbf: in 45 s", "nbf: in 90 s", "nbf: a text"),
        ),
        Difference(
            "RFC 7519, 4.1.2: sub is a text; this judge does not read it", ("sub: a number",)
        ),
        Difference(
            "RFC 7515, 4.1.4: a kid is a hint; an empty one names no key of ours, while this judge "
            "tries them all",
            ("header: kid is empty",),
        ),
    ),
    "jose": (
        Difference(
            f"{KID_OF_AWS} this judge was given it",
            ("header: kid is missing",),
            (AVA,),
        ),
        OTHER_FORMS,
        TWICE,
        BITS,
        PADDING._replace(forms=UNPADDED),
        Difference(MILLISECONDS, ("exp: in milliseconds",), (*UNPADDED, AVA)),
        Difference(MILLISECONDS, ("exp: in milliseconds, an hour ago",)),
        Difference(HEADER_EXP, (*NO_PAYLOAD_EXP_CASES, "exp: 45 s ago"), (AVA,)),
        Difference(
            SIGNER,
            ("signer is missing", "signer is another instance", "signer is a load balancer"),
            (AVA,),
        ),
        Difference(SIGNER, ("header: signer is a number",), (AVA,)),
        Difference(TYPE, ("type is that of an organisation token",), (CLOUDFLARE,)),
        Difference(NO_AUDIENCE, (*NO_AUDIENCE_CASES, "aud: null"), (AVA, OATHKEEPER, WSO2)),
        Difference(f"{IAT}this judge checks it only with maxTokenAge", ("iat: in 45 s",)),
        Difference(
            f"{IAT}this judge checks it only with maxTokenAge",
            ("iat is in the future",),
            (IAP, POMERIUM),
        ),
        Difference(
            "RFC 7519, 4.1.1: iss is a text; this judge looks at it only with its option issuer",
            ("iss: a number",),
            (AVA, WSO2),
        ),
        Difference(
            "RFC 7519, 4.1.2: sub is a text, and Teleport's page has it checked; this judge looks "
            "at it only with its option subject",
            ("sub: a number", "sub is no text", "sub is empty"),
        ),
        Difference(
            "RFC 8259, 8.1: no byte order mark is written; a parser may pass over one",
            ("payload: a byte order mark",),
        ),
    ),
    "Envoy": (
        CRIT._replace(forms=(*UNPADDED, ALB, AVA, WSO2)),
        OTHER_FORMS._replace(forms=(*UNPADDED, ALB, AVA, WSO2)),
        BITS._replace(forms=(*UNPADDED, ALB, WSO2)),
        PADDING._replace(forms=UNPADDED),
        Difference(
            "RFC 7515, 7.1: three parts and two dots; Envoy skips a dot at the ends",
            ("written: a dot before",),
            (*UNPADDED, ALB, AVA, WSO2),
        ),
        Difference(MILLISECONDS, ("exp: in milliseconds",), (*UNPADDED, ALB, AVA)),
        Difference(
            MILLISECONDS, ("exp: in milliseconds, an hour ago",), (*UNPADDED, ALB, AVA, WSO2)
        ),
        Difference(HEADER_EXP, HEADER_EXP_CASES, (ALB,)),
        HEADER_ISSUER,
        Difference(HEADER_EXP, NO_PAYLOAD_EXP_CASES, (AVA,)),
        Difference(SIGNER, ("signer is missing", "header: signer is a number"), (ALB, AVA)),
        Difference(SIGNER, ("signer is another load balancer",), (ALB,)),
        Difference(SIGNER, ("signer is another instance", "signer is a load balancer"), (AVA,)),
        Difference(TYPE, ("type is that of an organisation token", "type is missing"),
                   (CLOUDFLARE,)),
        ACCESS_TOKEN_TYP,
        Difference(NO_AUDIENCE, NO_AUDIENCE_CASES, (ALB, AVA, OATHKEEPER, WSO2)),
        Difference(
            "RFC 7519, 4.1.4 and 4.1.5: some small leeway, no more than a few minutes; Envoy's "
            "clock_skew_seconds is 60 by default, ours is 30",
            ("exp: 45 s ago", "nbf: in 45 s"),
            (*UNPADDED, ALB, AVA, WSO2),
        ),
        Difference(
            f"{IAT}Envoy reads its type alone",
            ("iat: in 45 s",),
            (*UNPADDED, ALB, AVA, WSO2),
        ),
        Difference(
            f"{IAT}Envoy reads its type alone", ("iat is in the future",), (IAP, POMERIUM)
        ),
        Difference(
            "Google, 'Securing your app with signed headers': iat is among what is checked; Envoy "
            "requires exp alone (require_expiration)",
            ("iat is missing",),
        ),
        Difference(
            "Teleport, 'Introduction to JWT authentication': sub is among what is checked; Envoy "
            "requires exp alone (require_expiration)",
            ("sub is missing", "sub is empty"),
        ),
        Difference(
            "RFC 8725, 3.1: the algorithm is one that the service lists; for a JWK without alg, "
            "as these are, Envoy goes by the type of the key, and takes an ES256 signature under "
            "the name HS256",
            ("alg is not the gateway's",),
            (IAP, ALB, POMERIUM),
        ),
        Difference(
            f"{KID_OF_AWS} Envoy has them all, and tries them",
            ("header: kid is missing",),
            (ALB, AVA),
        ),
        Difference(
            "RFC 7515, 4.1.4: a kid is a hint; an empty one names no key of ours, while Envoy "
            "tries them all",
            ("header: kid is empty",),
            (IAP, CLOUDFLARE, POMERIUM, OATHKEEPER, BEARER, ALB, AVA, WSO2),
        ),
    ),
}  # fmt: skip

WE_ALONE: Mapping[str, Sequence[Difference]] = {
    "aws-jwt-verify": (
        Difference(STANDARD_ALPHABET, GOOD_IN_2018, (ALB_2018,)),
        Difference(
            "the load balancer's token of 2018 has iss in the JOSE header alone; this judge wants "
            "one in the payload (jwt.ts, validateJwtFields)",
            ("written: in the other alphabet",),
            (ALB_2018,),
        ),
        Difference(STANDARD_ALPHABET, ("written: in the other alphabet",), (ALB,)),
        Difference(
            "its README, 'AlbJwtVerifier verify parameters': clientId is mandatory, or null; the "
            "Elastic Load Balancing guide has signer checked, and client is our client_id, which "
            "the registry and predicates ask for",
            ("header: client is another",),
            (ALB,),
        ),
        Difference(
            f"{LEEWAY}graceSeconds)", ("exp: 10 s ago", "nbf: in 15 s"), (ALB, BEARER, CLOUDFLARE)
        ),
        Difference(
            "RFC 7515, 4.1.4: a kid is optional, and without one the only key that is known is "
            "tried; this judge selects a key by kid alone (its README, 'The JWKS cache')",
            ("header: kid is missing",),
            (BEARER, CLOUDFLARE),
        ),
    ),
    "google-auth": (
        Difference(f"{LEEWAY}clock_skew_in_seconds)", ("exp: 10 s ago", "iat: in 15 s")),
        Difference(
            "RFC 7519, 4.1.3: aud may be a list; this judge compares the whole claim, as IAP "
            "writes one text",
            ("aud: ours among others",),
        ),
    ),
    "jose": (
        Difference(f"{LEEWAY}clockTolerance)", ("exp: 10 s ago",), (*UNPADDED, WSO2)),
        Difference(f"{LEEWAY}clockTolerance)", ("nbf: in 15 s",)),
        Difference(
            "Teleport, 'Introduction to JWT authentication': its keys have no kid, so a token's "
            "names none of them, and as RFC 7515, 4.1.4, has it is a hint",
            ("header: kid is empty", "header: kid is that of no key"),
            (TELEPORT,),
        ),
        Difference(STANDARD_ALPHABET, ("written: in the other alphabet",), (AVA, WSO2)),
    ),
    "Envoy": (
        Difference(STANDARD_ALPHABET, GOOD_IN_2018, (ALB_2018,)),
        Difference(STANDARD_ALPHABET, ("written: in the other alphabet",), (ALB, AVA, WSO2)),
        Difference(
            "RFC 9110, 11.1: the name of a scheme is in any case; Envoy compares value_prefix "
            "letter by letter",
            ("a scheme in lower case",),
            (OATHKEEPER, BEARER),
        ),
    ),
}  # fmt: skip


def table(judge: str, corpora: Sequence[Corpus]) -> dict[tuple[str, str], str]:
    """Return who alone accepts each case, by form and case."""
    found: dict[tuple[str, str], str] = {}
    for who, differences in (("the judge", JUDGE_ALONE[judge]), ("we", WE_ALONE[judge])):
        for difference in differences:
            for name in difference.cases:
                keys = _keys(name, difference.forms, corpora)
                assert keys.isdisjoint(found), f"twice in the table: {name}"
                found |= dict.fromkeys(keys, who)
    return found


def _keys(
    name: str, forms: tuple[str, ...] | None, corpora: Sequence[Corpus]
) -> set[tuple[str, str]]:
    asked = [corpus for corpus in corpora if forms is None or corpus.form in forms]
    by_form = {
        corpus.form: {(corpus.form, case.key) for case in corpus.cases if case.name == name}
        for corpus in asked
    }
    missing = [form for form in forms or () if not by_form.get(form)]
    assert not missing, f"no such case in {', '.join(missing)}: {name}"
    assert any(by_form.values()), f"no such case: {name}"
    return set().union(*by_form.values())
