"""What the gate says itself, and the headers it puts on what Gradio says."""

import json
from typing import Any

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # gr.HTML compiles its template
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'none'",
        "frame-ancestors 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)

_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Refusal(Exception):
    """An answer that the gate gives itself, in the shape of the API's errors: `code` is stable.
    With `location` it is a redirect."""

    def __init__(
        self, status: int, code: str, message: str, *, location: str = "", retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.location = location
        self.retry_after = retry_after

    @property
    def body(self) -> bytes:
        return json.dumps({"error": {"code": self.code, "message": self.message}}).encode()


async def refuse(refusal: Refusal, scope: dict[str, Any], send) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(refusal.body)).encode()),
        (b"cache-control", b"no-store"),
        *_HEADERS,
    ]
    if refusal.location:
        headers.append((b"location", refusal.location.encode()))
    if refusal.retry_after:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status in (408, 413):
        headers.append((b"connection", b"close"))
    body = b"" if scope["method"] == "HEAD" else refusal.body
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def with_headers(scope: dict[str, Any], send):
    """Adds the site's headers; Gradio's files carry a hash in their name and may be kept."""
    keep = b"/assets/" in scope["path"].encode()
    cache = b"private, max-age=31536000, immutable" if keep else b"no-store"

    async def guarded_send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            ours = {name for name, _ in _HEADERS} | {b"cache-control"}
            if b"/static/" in scope["path"].encode():
                ours.discard(b"cache-control")
            headers = [pair for pair in message.get("headers", []) if pair[0].lower() not in ours]
            added = [*_HEADERS, (b"cache-control", cache)]
            headers += [pair for pair in added if pair[0] in ours]
            message = {**message, "headers": headers}
        await send(message)

    return guarded_send
