"""Secrets and persons in plain text, found by what they look like or by the name before them.

Every pattern runs in time linear in the text: a run of characters is consumed once (possessive, or begun
only at its first character), and what may be tried from many places has a bounded length.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from atlas_gql.redaction.keys import is_sensitive

REDACTED = "[redacted]"

# one character of an unquoted value; a backslash before a quote belongs to the quote
_ATOM = r"""(?:[^\s&;,"'<>\\]|\\(?!\\*["']))"""
# outside of words, or right after a percent-encoded character
_START = r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2}))"

_PEM = re.compile(r"-----BEGIN[A-Z0-9 %+]{1,60}-----.*?(?:-----END[A-Z0-9 %+]{1,60}-----|\Z)", re.DOTALL)

# Possessive quantifiers stand on single characters only: on groups they are wrong before Python 3.11.5.
_SHAPES = re.compile(
    r"""
      eyJ[A-Za-z0-9_-]{8,}+ (?:\.{1,2}[A-Za-z0-9_-]++){0,4}                    # JWT, JWE, also cut off
    | (?:[\w.~-]|%7[Ee]){3} \d Q (?:~|%7[Ee]) (?:[\w.~-]|%7[Ee]){16,}          # Entra client secret
    | (?:(?<![\w.])|(?<=%[0-9A-Fa-f]{2})) [01]\.A[\w.-]{10,}+                  # refresh token, code
    | (?<![A-Za-z0-9])Ew[A-Za-z0-9+/]{40,}+={0,2}                              # opaque access token
    | atlas_[A-Za-z0-9_-]{20,}+                                                # Atlas's own API token
    """,
    re.VERBOSE | re.ASCII,
)

# "Bearer token" and "Basic authentication" are prose
_SCHEME = re.compile(
    rf"""(?<![A-Za-z0-9])(bearer|basic)(\s+|%20|\+)
    (?!(?:tokens?|auth|authentication|authorization|credentials?|scheme|challenge|realm)(?![\w.~+/-]))
    {_ATOM}+""",
    re.VERBOSE | re.IGNORECASE,
)

# the second form: a password with a slash in it, told from a port by what follows the colon
_USERINFO = re.compile(
    r"""(://) [^\s/?#"'<>]* @
    | (://) [^\s/:@?#"'<>\[]{0,256}+ : (?!\d{1,5}(?:[/?#]|$)) [^\s@"'<>]{0,256}+ @ (?:[^\s/@"'<>]{0,256}@)?
    | (%3A%2F%2F) (?:(?!%2F|%3F|%40)[^\s/?#&"'<>]){1,256} %40""",
    re.VERBOSE | re.IGNORECASE,
)

_NAME = re.compile(
    r"""
      \(b?["'](?P<pair>[\w.-]++)["'],\s*+                                       # ('name', 'value')
    | <(?P<tag>[\w.:-]++)>\s*+
    | (?:(?<![\w.-])(?!(?<=%)[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2})) (?P<name>[\w.-]++)
      (?:\\*+["'`]\]?|%22|%27)?\s*+ (?:[:=]{1,2}>?|(?P<encoded>%3[AaDd])) (?:\s|%20|\+)*
    """,
    re.VERBOSE,
)
_NOTHING = re.compile(r"""(?:null|none|true|false)(?=[\s,;&<"')\]}\\]|$)""", re.IGNORECASE)
_QUOTED = re.compile(
    r"""(?P<open>(?:[A-Za-z_][\w.]{0,40}+\()?[bBuU]?(?P<quote>\\*+["']|%2[27]))
    (?:(?!(?<!\\)(?P=quote))(?:\\.|.))*""",
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(rf"(?:[\[{{(][^\[\]{{}}()]*+[\]}})]?)?{_ATOM}*")
_BARE_ENCODED = re.compile(rf"(?:(?!%(?:2[0267C]|3B|0[AD])){_ATOM})*", re.IGNORECASE)
_COOKIES = re.compile(rf"{_ATOM}+(?:;[ \t]*{_ATOM}+)*")
_CREDENTIALS = re.compile(rf"(?!\[redacted)[A-Za-z][\w-]*+[ \t]+(?![\w-]++:){_ATOM}+")

_AT = r"(?:@|%(?:25)*40|\\+u0040)"
_MAIL = re.compile(
    rf"""
      %(?!(?:25)*40)[0-9A-Fa-f]{{2}}
    | (?P<local>[\w+~\#!.-] (?:[\w+~\#!.'-]|%2[37Bb])*)
      (?P<domain>{_AT} (?!odata\.(?:type|context|id|count|etag|bind|\w+Link)(?![\w.-])|microsoft\.graph\.)
        [\w-]++(?:\.[\w-]++)+)?
    """,
    re.VERBOSE,
)
_GUEST = re.compile(r"#EXT#|%23EXT%23", re.IGNORECASE)

_COLON = r"(?::|%3[Aa])"
_IPV6 = re.compile(
    rf"{_START}[0-9A-Fa-f]{{0,4}}(?:{_COLON}[0-9A-Fa-f]{{0,4}}){{2,8}}(?:\.[0-9]{{1,3}}){{0,3}}(?![0-9A-Za-z])"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_IPV4 = re.compile(
    r"""(?P<version>version(?:\\*["'])?\s*+[:=]?\s*+(?:\\*["'])?v?[0-9.]++)"""
    rf"|(?<![0-9]\.){_START}(?:{_OCTET}\.){{3}}{_OCTET}(?![0-9A-Za-z]|\.[0-9])",
    re.IGNORECASE,
)


def scrub(text: str) -> str:
    """`text` with every recognised secret, mail address, IP address and URL user replaced, one pass."""
    text = _PEM.sub(REDACTED, text)
    text = _SHAPES.sub(REDACTED, text)
    text = _SCHEME.sub(rf"\1\2{REDACTED}", text)
    text = _USERINFO.sub(_userinfo, text)
    text = _named(text)
    text = _MAIL.sub(_mail, text)
    text = _IPV6.sub(_ipv6, text)
    return _IPV4.sub(lambda match: match["version"] or REDACTED, text)


def _named(text: str) -> str:
    """Replaces the values of sensitive names: `name=value`, `"name": "value"`, reprs, forms, XML."""
    parts: list[str] = []
    done = position = 0
    while match := _NAME.search(text, position):
        position = match.end()
        name = match["pair"] or match["tag"] or match["name"]
        # "api key: ...": the word before is part of the name
        if name.lower() == "key":
            name = text[max(0, match.start() - 16) : match.end("name")]
        if not is_sensitive(name):
            continue
        start, end = _value(text, position, name, encoded=match["encoded"] is not None)
        if end > start:
            parts += (text[done:start], REDACTED)
            done = position = end
    return "".join(parts) + text[done:]


def _value(text: str, position: int, name: str, *, encoded: bool) -> tuple[int, int]:
    """Where the value that begins at `position` starts and ends, without its quotes; empty for none."""
    if _NOTHING.match(text, position):
        return position, position
    if quoted := _QUOTED.match(text, position):
        return quoted.end("open"), quoted.end()
    kind = name.lower().replace("-", "")
    bare = None
    if kind.endswith("authorization"):
        bare = _CREDENTIALS.match(text, position)
    elif kind.endswith(("cookie", "cookies")):
        bare = _COOKIES.match(text, position)
    bare = bare or (_BARE_ENCODED if encoded else _BARE).match(text, position)
    return position, bare.end() if bare else position


def _userinfo(match: re.Match[str]) -> str:
    separator = match[1] or match[2] or match[3]
    return f"{separator}{REDACTED}{'%40' if match[3] else '@'}"


def _mail(match: re.Match[str]) -> str:
    if match["local"] and (match["domain"] or _GUEST.search(match["local"])):
        return REDACTED
    return match[0]


def _ipv6(match: re.Match[str]) -> str:
    """The replacement, unless the candidate is a clock time, or a scope (`a::b`) of a program."""
    candidate = re.sub(r"%3[Aa]", ":", match[0])
    head = ":" if candidate.startswith(":") and not candidate.startswith("::") else ""
    tail = ":" if candidate.endswith(":") and not candidate.endswith("::") else ""
    address = candidate.removeprefix(head).removesuffix(tail)
    if address.count(":") < 3 and not any(char.isdigit() for char in address):
        return match[0]
    try:
        IPv6Address(address)
    except ValueError:
        return match[0]
    return f"{head}{REDACTED}{tail}"
