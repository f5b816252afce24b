"""Failures that an operator may expect of AWS, in one line with what to do."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
)

from shadow_runtime.contract import ShadowCanaryError

EXPECTED = (ShadowCanaryError, BotoCoreError, ClientError)

_LOG_IN = "log in again (`aws sso login`, `aws login`), or name another profile by AWS_PROFILE"
_MISSING = (
    "log in (`aws sso login`, `aws configure`) or set AWS_PROFILE; for the embedded AWS add --local"
)
_UNREACHED = "look at the network, and try again; `--local` needs `shadowctl local up`"
_BY_CLASS: dict[type[BotoCoreError], str] = {
    NoCredentialsError: _MISSING,
    PartialCredentialsError: _MISSING,
    ProfileNotFound: "`aws configure list-profiles` names those there are",
    NoRegionError: "set AWS_REGION, or `aws configure set region eu-central-1`",
    **dict.fromkeys(
        (
            CredentialRetrievalError,
            LoginError,
            NoAuthTokenError,
            RefreshWithMFAUnsupportedError,
            SSOError,
            TokenRetrievalError,
        ),
        _LOG_IN,
    ),
    **dict.fromkeys((ConnectionError, HTTPClientError), _UNREACHED),
}
_BY_CODE = {
    _LOG_IN: {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedException",
        "UnrecognizedClientException",
    },
    "ask for that permission, or use a profile that has it (AWS_PROFILE)": {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    },
    "AWS throttles these calls: try again in a minute": {
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    },
}
"""https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, and what services add."""


def in_one_line(error: Exception) -> str:
    """What went wrong and what to do, without the line breaks of AWS.

    Example:
        >>> in_one_line(NoRegionError())
        'You must specify a region: set AWS_REGION, or `aws configure set region eu-central-1`'
    """
    if isinstance(error, ShadowCanaryError):
        return str(error)
    said = " ".join(str(error).split()).removesuffix(".")
    return f"{said}: {remedy}" if (remedy := _remedy(error)) else said


def _remedy(error: Exception) -> str:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return next((remedy for remedy, codes in _BY_CODE.items() if code in codes), "")
    return next((_BY_CLASS[each] for each in type(error).__mro__ if each in _BY_CLASS), "")
