"""A shop in Flask behind its adapter for Lambda."""

from typing import Any

from apig_wsgi import make_lambda_handler
from flask import Flask, Response, abort, jsonify, redirect, request
from werkzeug.wrappers import Response as Answer

app = Flask(__name__)


@app.get("/carts/<cart_id>")
def cart(cart_id: str) -> Response:
    return jsonify(
        id=cart_id,
        tags=request.args.getlist("tag"),
        theme=request.cookies.get("theme"),
        address=request.remote_addr,
    )


@app.get("/login")
def login() -> Answer:
    answer = redirect("/carts/42", code=303)
    answer.set_cookie("session", "s-1", httponly=True)
    answer.set_cookie("theme", "dark")
    return answer


@app.get("/logo")
def logo() -> Response:
    return Response(b"\x89PNG\r\n\x00\xff", mimetype="image/png")


@app.post("/carts/<cart_id>")
def add(cart_id: str) -> tuple[Any, int]:
    return jsonify(id=cart_id, added=request.form.to_dict(flat=False)), 201


@app.get("/broken")
def broken() -> Response:
    abort(503, "later")


lambda_handler = make_lambda_handler(app, binary_support=True)
