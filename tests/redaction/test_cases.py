"""What goes and what stays, case by case."""

from __future__ import annotations

import base64
import json

import pytest

from atlas_gql.redaction import REDACTED, redact, redact_text

R = "5b3f6c9e-4f7c-4e55-9f57-0c6d5a1e7b10"
C = "c2a54ad7-5f0e-4f6d-8a0b-6f0f3f1c9d22"
T = "11111111-2222-4333-8444-555555555555"


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# built here, as literal ones trip secret scanners
JWT = ".".join([_b64('{"typ":"JWT","alg":"RS256"}'), _b64('{"tid":"x","roles":["a"]}'), "c2ln" * 12])
SECRET = "aB~8" + "Q~" + "k3.Zq-_9" * 4 + "xy"
ENCODED_SECRET = SECRET.replace("~", "%7E")
SIG = "a1B2c3D4" * 5 + "%2Bx%3D"
OPAQUE = "EwBwA8l6" + "BAAUO9ch" * 6
REFRESH = "0.A" + "XoAb1-_c" * 6
PFX = "MIIK" + "8AIBAzCC" * 10
PEM = f"-----BEGIN PRIVATE{' '}KEY-----\nMIIEvQ{'IBADAN' * 20}\n-----END PRIVATE{' '}KEY-----"
SAS = f"https://stor.blob.core.windows.net/c/app.intunewin?sv=2020-08-04&sig={SIG}"
MAIL = "adele.v@contoso.example"

INTUNE_ERROR = json.dumps(
    {
        "error": {
            "code": "BadRequest",
            "message": json.dumps(
                {
                    "_version": 3,
                    "Message": f"No user {MAIL} - Activity ID: {C} - Url: {SAS}",
                    "CustomApiErrorPhrase": "",
                }
            ),
            "innerError": {"date": "2026-01-05T10:11:12", "request-id": R},
        }
    }
)
HEADERS = repr({"Authorization": f"Bearer {JWT}", "Cookie": "ESTSAUTH=0.AX; fpc=Ab1", "client-request-id": R})
TOKENS = json.dumps(
    {"token_type": "Bearer", "expires_in": 3599, "access_token": JWT, "refresh_token": "0.AXoA.."}
)

CASES = [
    pytest.param(f"Authorization: Bearer {JWT}", [JWT], ["Authorization"], id="jwt-header"),
    pytest.param(f"token was {JWT} and failed", [JWT], ["token was ", " and failed"], id="jwt-bare-in-text"),
    pytest.param(f"authorization: bearer {JWT}", [JWT], ["authorization"], id="jwt-lowercase-scheme"),
    pytest.param(f"Authorization: Bearer {OPAQUE}", [OPAQUE], ["Authorization"], id="opaque-bearer"),
    pytest.param(TOKENS, [JWT, "0.AXoA"], ["3599", '"token_type": "Bearer"'], id="token-response"),
    pytest.param(
        f"client_id=app-1&scope=x&client_secret={ENCODED_SECRET}&z=1",
        [ENCODED_SECRET, "k3.Zq"],
        ["client_id=app-1&scope=x&client_secret=", "&z=1"],
        id="form-secret",
    ),
    pytest.param(f'{{"clientSecret":"{SECRET}","tenantId":"{T}"}}', [SECRET], [T], id="json-secret"),
    pytest.param(
        f"AADSTS7000215: bad secret {SECRET} for app",
        [SECRET],
        ["AADSTS7000215: bad secret ", " for app"],
        id="bare-secret-shape",
    ),
    pytest.param(
        f"client_assertion_type=urn%3Aietf%3Ajwt-bearer&client_assertion={JWT}",
        [JWT],
        ["client_assertion_type=urn%3Aietf%3Ajwt-bearer&client_assertion="],
        id="client-assertion",
    ),
    pytest.param(SAS, [SIG], ["https://stor.blob.core.windows.net/c/app.intunewin"], id="sas-url"),
    pytest.param(
        json.dumps({"azureStorageUri": SAS, "size": 7}), [SIG], ["stor.blob", "7"], id="azure-storage-uri"
    ),
    pytest.param(
        '{"ssid":"Lobby","preSharedKey":"hunter2hunter2"}', ["hunter2"], ['"ssid":"Lobby"'], id="wifi-psk"
    ),
    pytest.param(
        '{"sharedSecret":"vpn-Shared-1"}', ["vpn-Shared-1"], ["sharedSecret"], id="vpn-shared-secret"
    ),
    pytest.param('{"localAdminPassword":"P@ssw0rd!9"}', ["ssw0rd"], ["localAdmin"], id="password-field"),
    pytest.param(f'{{"encryptedPfxBlob":"{PFX}"}}', [PFX[:20]], ["encryptedPfxBlob"], id="pfx-blob"),
    pytest.param('{"encryptedPfxPassword":"YWJjZA=="}', ["YWJjZA"], ["encryptedPfx"], id="pfx-password"),
    pytest.param(
        f"could not read {PEM} from disk", ["MIIEvQ"], ["not read ", " from disk"], id="private-key-pem"
    ),
    pytest.param(
        '{"trustedRootCertificate":"MIIB","certFileName":"root.cer"}', [], ["root.cer"], id="public-cert"
    ),
    pytest.param(f"User {MAIL} was not found.", ["adele"], ["User ", " was not found."], id="upn-in-message"),
    pytest.param(
        "adele.v_fabrikam.example#EXT#@contoso.onmicrosoft.com",
        ["adele", "EXT", "contoso"],
        [],
        id="guest-upn",
    ),
    pytest.param(
        "https://graph.microsoft.com/v1.0/users/adele.v%40contoso.example?$select=id",
        ["adele", "contoso"],
        ["https://graph.microsoft.com/v1.0/users/", "?$select=id"],
        id="upn-in-url",
    ),
    pytest.param("IP address 203.0.113.77 is blocked", ["203.0"], ["IP address ", " is blocked"], id="ipv4"),
    pytest.param("client 2001:db8::7334:1 refused", ["2001", "7334"], ["client ", " refused"], id="ipv6"),
    pytest.param(
        f'{{"innerError":{{"date":"2026-01-05T10:11:12","request-id":"{R}","client-request-id":"{C}"}}}}',
        [],
        [R, C, "2026-01-05T10:11:12"],
        id="request-ids-stay",
    ),
    pytest.param(
        f"Tenant '{T}' not found (AADSTS90002)",
        [REDACTED],
        [f"Tenant '{T}' not found (AADSTS90002)"],
        id="tenant-id-stays",
    ),
    pytest.param(
        "10.0.19045.3930 api-version=5024-12-01",
        [REDACTED],
        ["10.0.19045.3930 api-version=5024-12-01"],
        id="version-is-not-an-ip",
    ),
    pytest.param(
        '{"@odata.type":"#microsoft.graph.groupAssignmentTarget","assignments@odata.context":"x"}',
        [REDACTED],
        ["#microsoft.graph.groupAssignmentTarget", "assignments@odata.context"],
        id="odata-type-stays",
    ),
    pytest.param(
        INTUNE_ERROR,
        ["adele", SIG],
        [f"Activity ID: {C}", "_version", "CustomApiErrorPhrase", R, "BadRequest", "2026-01-05T10:11:12"],
        id="nested-intune-json",
    ),
    pytest.param(
        "http://svc-user:Sup3rS3cret@proxy.corp.example:8080",
        ["svc-user", "Sup3r"],
        ["http://", "@proxy.corp.example:8080"],
        id="proxy-credentials",
    ),
    pytest.param(HEADERS, [JWT, "ESTSAUTH", "fpc"], ["Authorization", "Cookie", R], id="header-dump"),
    # beyond the thirty
    pytest.param("postgresql://atlas:p/w@db.example/atlas", ["p/w"], ["@db.example/atlas"], id="dsn"),
    pytest.param(f"grant {REFRESH} refused", [REFRESH], ["grant ", " refused"], id="bare-refresh-token"),
    pytest.param("Basic dXNlcjpwYXNz used", ["dXNl"], ["Basic ", " used"], id="basic"),
    pytest.param("sent atlas_" + "aB3-_" * 5, ["aB3"], ["sent "], id="atlas-token"),
    pytest.param("u=https%3A%2F%2Fx%2F%3Fsig%3Dabc%26b%3D1", ["abc"], ["%26b%3D1"], id="encoded-sas"),
    pytest.param("%7B%22password%22%3A%22hunter2%22%7D", ["hunter2"], ["password"], id="encoded-json"),
    pytest.param(
        r'cut: {"a": "{\"password\": \"hun\\\"ter\", \"b\": 1', ["hun", "ter"], ["b"], id="cut-json"
    ),
    pytest.param("[(b'Authorization', b'Foo hunter2')]", ["hunter2"], ["Authorization"], id="header-pairs"),
    pytest.param("Settings(password=SecretStr('hunter2'), n=1)", ["hunter2"], ["n=1"], id="repr"),
    pytest.param("<keyMaterial>hunter2</keyMaterial>", ["hunter2"], ["</keyMaterial>"], id="xml"),
    pytest.param("Cookie: a=b; c=d next", ["a=b", "c=d"], ["Cookie: ", " next"], id="cookie-line"),
    pytest.param("api key: hunter2", ["hunter2"], ["api key: "], id="two-word-key"),
    pytest.param("Authorization: Foo hunter2 next", ["hunter2"], [" next"], id="unknown-scheme"),
    pytest.param("member adele_x#EXT# gone", ["adele"], ["member ", " gone"], id="guest-without-domain"),
    pytest.param("a/adele%2540contoso.example/b", ["adele"], ["a/", "/b"], id="mail-encoded-twice"),
    pytest.param(r'{"cut": "adele\u0040contoso.example', ["adele"], ["cut"], id="mail-escaped"),
    pytest.param(
        '{"credentials":{"a":{"b":"hunter2"}},"n":1}',
        ["hunter2"],
        ["credentials", '"n":1'],
        id="nested-secret",
    ),
    pytest.param('cut {"password": null, "n', [REDACTED], ['"password": null, "n'], id="no-value-stays"),
    pytest.param("scope ab::cd", [REDACTED], ["scope ab::cd"], id="program-scope-stays"),
    pytest.param("oid 1.3.6.1.5.5.7.3.2", [REDACTED], ["1.3.6.1.5.5.7.3.2"], id="oid-stays"),
    pytest.param("at 12:30:45 [12:30:45.1]", [REDACTED], ["at 12:30:45 [12:30:45.1]"], id="clock-times-stay"),
    pytest.param("osVersion: 1.2.3.4", [REDACTED], ["1.2.3.4"], id="short-version-stays"),
    pytest.param("Bearer token was missing", [REDACTED], ["Bearer token was missing"], id="prose-stays"),
]


@pytest.mark.parametrize(("text", "gone", "kept"), CASES)
def test_text(text: str, gone: list[str], kept: list[str]) -> None:
    """Secrets go, their surroundings stay, and a second time changes nothing."""
    result = redact_text(text)
    assert ([g for g in gone if g in result], [k for k in kept if k not in result]) == ([], [])
    assert redact_text(result) == result


@pytest.mark.parametrize(("text", "gone", "kept"), CASES)
def test_the_same_inside_json_inside_json(text: str, gone: list[str], kept: list[str]) -> None:
    result = redact({"list": [json.dumps({"inner": json.dumps({"text": text})})]})
    inner = json.loads(json.loads(result["list"][0])["inner"])["text"]
    assert inner == redact_text(text)


@pytest.mark.parametrize(
    "key",
    [
        "clientSecret", "CLIENT_SECRET", "client-secret", "passwords", "password2", "proxyPassword",
        "Set-Cookie", "x-api-key", "sig", "devicePin", "userPrincipalName", "detectionScriptContent",
        "idToken",
    ],
)  # fmt: skip
def test_keys_that_announce_a_secret(key: str) -> None:
    assert redact({key: "plain", "other": 7}) == {key: REDACTED, "other": 7}
    assert redact({key: ["plain"]}) == redact({key: {"a": "plain"}}) == redact({key: 1}) == {key: REDACTED}
    assert redact([{"name": key, "value": "plain"}]) == [{"name": key, "value": REDACTED}]
    assert redact((key, "plain")) == [key, REDACTED]
    assert redact({key: None}) == {key: None}
    assert redact({key: True}) == {key: True}


@pytest.mark.parametrize(
    "key",
    [
        "token_type", "client_assertion_type", "secretReferenceValueId", "tokenExpirationDateTime", "mapping",
        "passwordExpirationDays", "passwordRequiredType", "passwordMinimumLength", "tokens_per_second",
        "assigned",
    ],
)  # fmt: skip
def test_keys_that_only_sound_like_one(key: str) -> None:
    value = {key: "plain", "number": {key: 30}}
    assert redact(value) == value
    assert redact_text(f"{key}=plain") == f"{key}=plain"


@pytest.mark.parametrize(
    "layout", [{"separators": (",", ":")}, {}, {"indent": 2}], ids=["tight", "loose", "tall"]
)
def test_json_in_a_string_keeps_its_layout(layout: dict) -> None:
    before, after = ({"a": [1, 2.5, "ü"], "pin": value} for value in ("1234", REDACTED))
    assert redact_text(json.dumps(before, **layout)) == json.dumps(after, **layout)


def test_version_keys_keep_what_looks_like_an_address() -> None:
    assert redact({"osVersion": "1.2.3.4", "seen": "1.2.3.4"}) == {"osVersion": "1.2.3.4", "seen": REDACTED}
