"""Tokens of people whose subject is any text, and tokens that nobody should accept."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any, Literal
from uuid import uuid4

import urllib3
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from localaws.up import Local

_PASSWORD = "Aa1!of-a-test-alone"


class Issuer:
    """The user pool that the API trusts, and what an attacker makes of its tokens."""

    def __init__(self, local: Local) -> None:
        self._cognito = local.session().client("cognito-idp")
        [self._pool] = local.resources["AWS::Cognito::UserPool"]
        [self._client] = local.resources["AWS::Cognito::UserPoolClient"]
        keys = f"{local.endpoint}/{self._pool}/.well-known/jwks.json"
        self._public = {key["kid"]: key for key in urllib3.request("GET", keys).json()["keys"]}
        self._own = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, subject: str, *, pool: str = "", client: str = "") -> str:
        """Of somebody whose subject is `subject`, as the issuer signs it."""
        pool, client, name = pool or self._pool, client or self._client, f"somebody-{uuid4()}"
        self._cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        self._cognito.admin_update_user_attributes(
            UserPoolId=pool, Username=name, UserAttributes=[{"Name": "sub", "Value": subject}]
        )
        self._cognito.admin_set_user_password(
            UserPoolId=pool, Username=name, Password=_PASSWORD, Permanent=True
        )
        answer = self._cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": _PASSWORD},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

    def of_another_client(self, subject: str) -> str:
        """Signed by the issuer, for another audience."""
        return self.token(subject, client=self._new_client(self._pool))

    def of_another_issuer(self, subject: str) -> str:
        """Signed by another pool of the same account."""
        pool = str(self._cognito.create_user_pool(PoolName="another")["UserPool"]["Id"])
        return self.token(subject, pool=pool, client=self._new_client(pool))

    def expired(self, subject: str) -> str:
        """Good for a second, which is over."""
        known: Any = {"UserPoolId": self._pool, "ClientId": self._client}
        before = self._cognito.describe_user_pool_client(**known)["UserPoolClient"]
        known["ExplicitAuthFlows"] = before["ExplicitAuthFlows"]

        def last(unit: Literal["seconds", "hours"]) -> None:
            """Tokens that are handed out from now on are good for one `unit`."""
            self._cognito.update_user_pool_client(
                **known, AccessTokenValidity=1, TokenValidityUnits={"AccessToken": unit}
            )

        last("seconds")
        try:
            token = self.token(subject)
        finally:
            last("hours")
        time.sleep(2)
        return token

    def forged(self, subject: str) -> dict[str, str]:
        """By what the attacker did; none has the issuer's signature over what it says."""
        good = self.token(subject)
        head, body, signature = good.split(".")
        claims, header = _read(body), _read(head)
        another = _text({**claims, "sub": "user-002"})
        later = _text({**claims, "exp": claims["exp"] + 10**9})
        none = {kind: _text({**header, "alg": kind}) for kind in ("none", "None", "NONE", "")}
        by_public_key = _text({**header, "alg": "HS256"})
        own = _text({**header, "jwk": self._own_key(), "kid": "own"})
        same_kid = _text({**header, "jwk": self._own_key()})
        elsewhere = _text({**header, "jku": "https://evil.example/jwks.json", "kid": "own"})
        path = _text({**header, "kid": "../../../../dev/null"})
        return {
            "another subject": f"{head}.{another}.{signature}",
            "longer life": f"{head}.{later}.{signature}",
            "the signature backwards": f"{head}.{body}.{signature[::-1]}",
            "no signature": f"{head}.{body}.",
            "two parts": f"{head}.{body}",
            "four parts": f"{good}.{signature}",
            **{f"alg is {kind or 'empty'}": f"{text}.{body}." for kind, text in none.items()},
            "alg is none, signed": f"{none['none']}.{body}.{signature}",
            "HS256 with the public key": self._by_public_key(by_public_key, another, header["kid"]),
            "a key of one's own": self._signed(own, another),
            "a key of one's own under the issuer's name": self._signed(same_kid, another),
            "a key from elsewhere": self._signed(elsewhere, another),
            "a key that is a file": self._signed(path, another),
            "no JSON": f"{head}.bm8gSlNPTg.{signature}",
            "a list": f"{_text([])}.{body}.{signature}",
            "NUL behind": f"{good}\0",
            "nothing": "",
            "10 KB": "a" * 10_000,
        }

    def _own_key(self) -> dict[str, str]:
        numbers = self._own.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}

    def _signed(self, head: str, body: str) -> str:
        said = f"{head}.{body}"
        signature = self._own.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{said}.{_base64(signature)}"

    def _by_public_key(self, head: str, body: str, kid: str) -> str:
        """Where the algorithm is believed, the public key is a shared secret."""
        numbers = rsa.RSAPublicNumbers(
            *(int.from_bytes(_bytes(self._public[kid][name]), "big") for name in ("e", "n"))
        )
        pem = numbers.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        said = f"{head}.{body}"
        return f"{said}.{_base64(hmac.digest(pem, said.encode(), hashlib.sha256))}"

    def _new_client(self, pool: str) -> str:
        made = self._cognito.create_user_pool_client(
            UserPoolId=pool, ClientName="another", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )
        return str(made["UserPoolClient"]["ClientId"])


def _read(part: str) -> Any:
    return json.loads(_bytes(part))


def _text(value: Any) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))
