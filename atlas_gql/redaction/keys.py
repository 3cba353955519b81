"""Which names announce a secret or a person."""

from __future__ import annotations

import re

_SECRET = (
    "password", "passwd", "passphrase", "passcode", "passwordhash", "passwordvalue",
    "secret", "secrettext", "secretvalue", "token", "tokenvalue", "assertion", "credential",
    "authorization", "cookie", "estsauth", "estsauthpersistent", "estsauthlight", "signature",
    "privatekey", "sharedkey", "apikey", "accesskey", "accountkey", "subscriptionkey", "encryptionkey",
    "signingkey", "masterkey", "sessionkey", "secretkey", "recoverykey", "wepkey", "networkkey",
    "keymaterial", "connectionstring", "challenge", "devicecode", "usercode",
    "pfxblob", "scriptcontent", "payload",
)  # fmt: skip
_PERSONAL = (
    "userprincipalname", "mail", "mailaddress", "mailnickname", "phonenumber",
    "serialnumber", "imei", "meid", "ipaddress", "macaddress",
)  # fmt: skip
_ENDINGS = _SECRET + _PERSONAL

# too short to be looked for inside other words ("mapping", "signature")
_LAST_WORDS = frozenset({"pass", "pfx", "phone", "phones", "pin", "psk", "pwd", "sig", "upn"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NOISE = re.compile(r"[^a-z0-9]+")
_LONGEST = 64


def is_sensitive(name: str) -> bool:
    """Whether what stands under `name` must go, in any spelling: `clientSecret`, `CLIENT-SECRET`.

    The end of the name decides: `access_token` holds one, `token_type` and `passwordExpirationDays` only
    speak of one. A plural and a number at the end make no difference.
    """
    name = name[-_LONGEST:]
    flat = _flat(name)
    if flat.endswith(_ENDINGS) or flat.removesuffix("s").endswith(_ENDINGS):
        return True
    words = _WORD.findall(name)
    return bool(words) and words[-1].lower() in _LAST_WORDS


def is_version(name: str) -> bool:
    """Whether `name` announces a version number, which may look like an IP address."""
    return _flat(name[-_LONGEST:]).endswith("version")


def _flat(name: str) -> str:
    return _NOISE.sub("", name.lower()).rstrip("0123456789")
