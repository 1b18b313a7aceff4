"""Values of ``go``: what partners may ask for, and what would lead, or has led, off a site.

Sources of the second list: the URL standard's parser (https://url.spec.whatwg.org), CWE-601, the
bypasses that known open redirects were found by, and the encodings that programs between may undo.
The host that they lead to is ``evil.example``.
"""

from __future__ import annotations

E = "evil.example"

GOOD = {
    "/": "/",
    "/courses": "/courses",
    "/courses/": "/courses/",
    "/courses/math-101": "/courses/math-101",
    "/courses?tab=1": "/courses?tab=1",
    "/courses?tab=1&sort=up": "/courses?tab=1&sort=up",
    "/courses?tab=1#week-2": "/courses?tab=1#week-2",
    "/#top": "/#top",
    "/?x=1": "/?x=1",
    "/a.b/c_d~e": "/a.b/c_d~e",
    "/a%20b": "/a%20b",
    "/a%2Fb": "/a%2Fb",
    "/what%3F/x": "/what%3F/x",
    "/a?next=/b/../c": "/a?next=/b/../c",
    "/sale?x=100%25": "/sale?x=100%25",
    "/search?q=a+b": "/search?q=a+b",
    "/search?next=/other": "/search?next=/other",
    f"/out?to=https://{E}/x": f"/out?to=https://{E}/x",
    "/wiki/Help:Contents": "/wiki/Help:Contents",
    "/users/ana@example.edu": "/users/ana@example.edu",
    "/users;v=1/x": "/users;v=1/x",
    "/kurse/übung": "/kurse/%C3%BCbung",
    "/kurse/%C3%BCbung": "/kurse/%C3%BCbung",
    "/課程/一": "/%E8%AA%B2%E7%A8%8B/%E4%B8%80",
    "/...": "/...",
    "/.well-known/x": "/.well-known/x",
    "/a'b(c)*!$,=&": "/a'b(c)*!$,=&",
    "/" + "a" * 2047: "/" + "a" * 2047,
}
"""What each becomes in ``Location``."""

_ABSOLUTE = [
    f"{scheme}{slashes}{E}{rest}"
    for scheme in ("http:", "https:", "HTTPS:", "hTtP:", "ftp:", "ws:", "file:", "")
    for slashes in ("//", "///", "////", "/\\", "\\\\", "\\/", "\\")
    for rest in ("/x",)
]
_WITHOUT_SLASHES = [
    E,
    f"https:{E}",
    f"http:{E}/x",
    f"www.{E}",
    f"{E}:443/x",
    f"@{E}",
    f":{E}",
    f".{E}",
    f"?{E}",
    f"#//{E}",
    ";//evil.example",
    "courses",
    "./courses",
    "../courses",
    "",
]
_SCHEMES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://x%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "blob:https://evil.example/x",
    "view-source:https://evil.example",
    "filesystem:https://evil.example/x",
    "about:blank",
    "mailto:eve@evil.example",
    "intent://evil.example#Intent;scheme=https;end",
    "tel:123",
    "x:y",
]
_USER_INFO = [
    f"https://app.example.edu@{E}/",
    f"https://app.example.edu:443@{E}/",
    f"https://app.example.edu%40{E}/",
    f"//app.example.edu@{E}/",
    f"/\\app.example.edu@{E}/",
    f"https://{E}#@app.example.edu/",
    f"https://{E}?@app.example.edu/",
    f"https://{E}\\@app.example.edu/",
    f"https://{E}\\.app.example.edu/",
    f"/@{E}",
    f"/@{E}/x",
    f"/:{E}",
    f"/:80@{E}/x",
    f"/user@{E}/x",
    f"/https:{E}/x",
    f"/https://{E}/x",
    f"/http:/{E}",
    "/javascript:alert(1)",
    f"/%40{E}",
    f"/x%3A//{E}",
]
_OWN_HOST = [
    "https://app.example.edu/courses",
    "http://app.example.edu/courses",
    "//app.example.edu/courses",
    "//localhost/x",
    "http://127.0.0.1/",
    f"https://app.example.edu.{E}/",
    f"https://{E}/app.example.edu",
    f"https://{E}?app.example.edu",
    "//2130706433/",
    "//0x7f000001/",
    "//[::1]/",
    "//[::ffff:7f00:1]/",
]
_TWO_READINGS = [
    f"/a%23/..%2f..%2f/{E}",
    f"/a%3F/%2e%2e//{E}",
    "/x%3f/%2e%2e/auth/callback/jwt-auth?token=T2",
    "/..%3fx",
    "/x/..%2523y",
    f"/.//{E}",
    f"/..//{E}",
    f"/./\\{E}",
    f"/x/..//{E}",
    f"/x/../..//{E}",
    f"//x/../{E}",
    f"/x//{E}",
    f"/x/%2f{E}",
    f"/;//{E}",
    f"/;/{E}/..;/x/",
    f"/..;/{E}",
    f"/x/..;/{E}",
    f"/.;/{E}",
    "/..",
    "/.",
    "/../x",
    "/./x",
    "/x/../y",
    "/x/./y",
    "/x/..",
    "/%2e%2e/x",
    "/%2E/x",
    "/.%2e/x",
    "/%2e%2e%2f%2e%2e%2fx",
    "/x//",
    "/x//y",
    f"/?/../..//{E}\\",
    f"///{E}/%2e%2e",
    f"/x\\..\\..\\{E}",
]
_ENCODED = [
    f"/%2F{E}",
    f"/%2f{E}",
    f"%2F%2F{E}",
    f"%2F{E}",
    f"/%2F%2F{E}",
    f"%2f/{E}",
    f"/%5C{E}",
    f"/%5c{E}",
    f"/%5C/{E}",
    f"%5C%5C{E}",
    f"/%252F{E}",
    f"/%252f{E}",
    f"/%255C{E}",
    f"/%25252F{E}",
    f"/%2525252F{E}",
    "/%" + "25" * 9 + f"2F{E}",
    "/%" + "25" * 40 + f"2F{E}",
    f"/x%2F%2F{E}",
    f"/x/%2e%2e/%2F{E}",
    f"https%3A%2F%2F{E}",
    f"https%3A//{E}",
    f"%68%74%74%70%73://{E}",
    f"/%09/{E}",
    f"/%0a/{E}",
    f"/%0d/{E}",
    f"/%0D%0ALocation:%20https://{E}",
    "/%0d%0aSet-Cookie:%20a=b",
    "/x%0d%0a%0d%0a<script>",
    "/%250d%250aX:%20y",
    f"/%00/{E}",
    f"/%00{E}",
    f"/x%00.{E}",
    f"/%c0%af{E}",
    f"/%c0%af%c0%af{E}",
    f"/%e0%80%af{E}",
    f"/%f0%80%80%af{E}",
    f"/%c1%9c{E}",
    "/%ff",
    "/%80",
    "/%ed%a0%80",
    f"/%u002f{E}",
    f"/%uFF0F{E}",
    f"/%{E}",
    "/%",
    "/%2",
    "/%zz",
    "/x?y=%0d%0aX:%20y",
    "/x?y=%5c",
    "/x#%0a",
    "/%7f",
    "/%c2%85x",
    "/%e2%80%a8x",
    "/%e2%80%8b/x",
    "/%ef%bb%bf/x",
    f"/%ef%bc%8f{E}",
    f"/%ef%bc%bc{E}",
]
_CONTROLS = [
    f"/{control}/{E}"
    for control in ("\t", "\n", "\r", "\r\n", "\x00", "\x0b", "\x0c", "\x1f", "\x7f", "\x85", " ")
]
_CONTROLS += [
    f"\t//{E}",
    f"\n//{E}",
    f" //{E}",
    f"\r\n//{E}",
    f"\x00//{E}",
    f"\x1b//{E}",
    f"//\t{E}",
    f"h\tttps://{E}",
    f"https:\n//{E}",
    f"/\\\t{E}",
    f"/courses\r\nLocation: https://{E}",
    "/courses\r\nSet-Cookie: session=1",
    "/courses\n",
    "/courses ",
    " /courses",
    "/a b",
    "/\ud800",
]
_LOOK_ALIKES = [
    f"{slash}{slash}{E}"
    for slash in "／⁄∕⧸╱⟋＼⧵∖﹨"  # noqa: RUF001 - they are what is tried
]
_LOOK_ALIKES += [
    f"/{slash}{E}"
    for slash in "／⁄∕⧸╱⟋＼⧵∖﹨"  # noqa: RUF001
]
_LOOK_ALIKES += [
    f"https：／／{E}",  # noqa: RUF001
    f"https：//{E}",  # noqa: RUF001
    f"/＠{E}",  # noqa: RUF001
    "//evil。example",
    "//evil．example",  # noqa: RUF001
    "//evil｡example",
    "//ⓔvil.example",
    "//evil.exa\u00admple",
    f"/\u200b/{E}",
    f"/\u2060/{E}",
    f"/\ufeff/{E}",
    f"\ufeff//{E}",
    f"/\u202e/{E}",
    f"/\u2028/{E}",
    f"/\u2029/{E}",
    f"/\u00a0/{E}",
    f"/\u3000/{E}",
    f"/\u2024\u2024/{E}",
    f"/\u2025/{E}",
    f"/\ufe52\ufe52/{E}",
    f"/\u2100/{E}",
    "/\ufffd",
]
_FORBIDDEN = [
    "/<script>alert(1)</script>",
    '/"onmouseover="alert(1)',
    "/`x`",
    "/{x}",
    "/[x]",
    "/^x",
    "/|x",
    "/x?y=<z>",
    "/" + "a" * 2048,
    "/" + "a/" * 1024,
]

CRAFTED = list(
    dict.fromkeys(
        [
            *_ABSOLUTE,
            *_WITHOUT_SLASHES,
            *_SCHEMES,
            *_USER_INFO,
            *_OWN_HOST,
            *_TWO_READINGS,
            *_ENCODED,
            *_CONTROLS,
            *_LOOK_ALIKES,
            *_FORBIDDEN,
        ]
    )
)
"""Each is sent home, to ``/``."""
