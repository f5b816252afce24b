"""Every stack, one per line."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "constructs"))
sys.path.insert(0, str(Path(__file__).parent / "lambdas"))

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from stacks.get_user import GetUser
from stacks.list_posts import ListPosts
from stacks.platform import Platform

app = cdk.App()
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
platform = Platform(app, "Platform")
GetUser(app, "GetUser", platform=platform)
ListPosts(app, "ListPosts", platform=platform)
app.synth()
