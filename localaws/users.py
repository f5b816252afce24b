"""Users of the pool, and their tokens."""

import contextlib
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import boto3


def tokens(aws: boto3.Session, *, pool: str, client: str, users: Iterable[str]) -> dict[str, str]:
    """A fresh access token for each of `users`, whose subject is the user's id.

    Each logs in with a password, as a person would. AWS chooses the subjects itself; the embedded
    one lets us set them afterwards.
    """
    cognito = aws.client("cognito-idp")
    exists = cognito.exceptions.UsernameExistsException  # made at first use, and by one thread
    password = f"Aa1!{secrets.token_urlsafe(16)}"

    def token(user: str) -> str:
        with contextlib.suppress(exists):
            cognito.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
            cognito.admin_update_user_attributes(
                UserPoolId=pool, Username=user, UserAttributes=[{"Name": "sub", "Value": user}]
            )
        cognito.admin_set_user_password(
            UserPoolId=pool, Username=user, Password=password, Permanent=True
        )
        answer = cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": password},
        )
        return answer["AuthenticationResult"]["AccessToken"]

    ids = list(users)
    with ThreadPoolExecutor(8) as threads:
        return dict(zip(ids, threads.map(token, ids), strict=True))
