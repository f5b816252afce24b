"""Every stack, one per line."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "constructs"), str(ROOT / "lambdas")]

import aws_cdk as cdk

from stacks.get_user import GetUser
from stacks.platform import Platform

app = cdk.App()
platform = Platform(app, "Platform")
GetUser(app, "GetUser", platform=platform)
app.synth()
