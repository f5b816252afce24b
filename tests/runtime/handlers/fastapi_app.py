"""Profiles in FastAPI behind its adapter for Lambda."""

from typing import Annotated

from fastapi import Cookie, FastAPI, HTTPException, Query, Request, Response
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()


class Profile(BaseModel):
    id: str
    user: str
    tags: list[str]
    theme: str | None


@app.get("/carts/{profile_id}")
async def read(
    profile_id: str,
    request: Request,
    response: Response,
    tag: Annotated[list[str], Query(default_factory=list)],
    theme: Annotated[str | None, Cookie()] = None,
) -> Profile:
    context = request.scope["aws.event"]["requestContext"]
    user = context["authorizer"]["jwt"]["claims"]["sub"]
    response.headers["x-next"] = "2"
    response.set_cookie("seen", profile_id)
    response.set_cookie("theme", theme or "light")
    return Profile(id=profile_id, user=user, tags=tag, theme=theme)


@app.post("/carts/{profile_id}", status_code=201)
async def write(profile_id: str, profile: Profile) -> Profile:
    return profile.model_copy(update={"id": profile_id})


@app.get("/logo")
async def logo() -> Response:
    return Response(b"\x89PNG\r\n\x00\xff", media_type="image/png")


@app.get("/broken")
async def broken() -> Response:
    raise HTTPException(503, "later")


handler = Mangum(app, lifespan="off")
