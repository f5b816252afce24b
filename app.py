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
from stacks.update_user import UpdateUser
from stacks.users import Users

app = cdk.App()
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
platform = Platform(app, "Platform")
users = Users(app, "Users", platform=platform)
GetUser(app, "GetUser", platform=platform, users=users)
UpdateUser(app, "UpdateUser", platform=platform, users=users)
ListPosts(app, "ListPosts", platform=platform)
app.synth()
