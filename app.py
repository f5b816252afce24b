"""Every stack, one per line."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "constructs"))
sys.path.insert(0, str(Path(__file__).parent / "lambdas"))

import aws_cdk as cdk

from stacks.get_user import GetUser
from stacks.platform import Platform

app = cdk.App()
platform = Platform(app, "Platform")
GetUser(app, "GetUser", platform=platform)
app.synth()
