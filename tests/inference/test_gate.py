"""The gate in front of the studio, route by route, with a small application behind it."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from digitsite import gate as gate_module
from digitsite.accounts import limits
from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token, revoke_token
from digitsite.gate import CALLER_KEY, MAX_BODY_BYTES, Gate
from digitsite.gate_routes import ALLOWED_ROUTES, VISITOR_ENDPOINTS, VISITOR_ROUTES, is_allowed
from inference.services.share_links import create_share_link, revoke_share_link
from tests.factories import TEST_PASSWORD, make_user
from tests.inference.gradio_routes import gradio_routes

pytestmark = pytest.mark.django_db(transaction=True)

PREDICT = "/studio/gradio_api/run/predict"

# Every route of Gradio 6.31 that the studio does not need. A new Gradio brings new ones: decide.
REFUSED_PATHS = [
    "/favicon.ico",
    "/openapi.json",
    "/login",
    "/login/",
    "/logout",
    "/manifest.json",
    "/pwa_icon",
    "/pwa_icon/x",
    "/robots.txt",
    "/svelte/x",
    "/monitoring",
    "/monitoring/summary",
    "/monitoring/x",
    "/gradio_api/user",
    "/gradio_api/user/",
    "/gradio_api/login_check",
    "/gradio_api/login_check/",
    "/gradio_api/token",
    "/gradio_api/token/",
    "/gradio_api/app_id",
    "/gradio_api/app_id/",
    "/gradio_api/dev/reload",
    "/gradio_api/runs",
    "/gradio_api/runs/",
    "/gradio_api/deep_link",
    "/gradio_api/openapi.json",
    "/gradio_api/custom_component/x/x/x/x",
    "/gradio_api/proxy=x",
    "/gradio_api/file=x",
    "/gradio_api/file/x",
    "/gradio_api/stream/x",
    "/gradio_api/stream/x/close",
    "/gradio_api/stream/x/x/x/playlist.m3u8",
    "/gradio_api/stream/x/x/x/x.x",
    "/gradio_api/stream/x/x/x/playlist-file",
    "/gradio_api/reset",
    "/gradio_api/reset/",
    "/gradio_api/cancel",
    "/gradio_api/component_server",
    "/gradio_api/component_server/",
    "/gradio_api/queue/status",
    "/gradio_api/upload_progress",
    "/gradio_api/upload",
    "/gradio_api/process_recording",
    "/gradio_api/vibe-edit/",
    "/gradio_api/vibe-edit",
    "/gradio_api/undo-vibe-edit/",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe-code/",
    "/gradio_api/vibe-code",
    "/gradio_api/vibe-starter-queries/",
    "/gradio_api/vibe-starter-queries",
]


async def behind(scope, receive, send):
    """Answers with the user's name and the length of the body, for every path."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    caller = scope.get(CALLER_KEY)
    names = sorted(name.decode() for name, _ in scope["headers"])
    who = caller.name.replace(" ", "-") if caller else None
    text = f"{who} {length} {' '.join(names)}"
    headers = [(b"content-type", b"text/plain"), (b"x-frame-options", b"DENY")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def ask(method: str, path: str, cookies=None, **options) -> httpx.Response:
    async def request():
        transport = httpx.ASGITransport(app=Gate(behind, prefix="/studio"))
        base = options.pop("base", "http://localhost")
        async with httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies) as client:
            return await client.request(method, path, **options)

    return asyncio.run(request())


def cookies_of(user) -> dict[str, str]:
    client = Client()
    client.force_login(user, backend="digitsite.accounts.backends.RoleBackend")
    return {name: morsel.value for name, morsel in client.cookies.items()}


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def cookies(ada):
    return cookies_of(ada)


def test_every_route_of_gradio_is_allowed_or_refused_on_purpose():
    routes = gradio_routes()
    allowed = {path for method, path in routes if is_allowed(method, path)}
    unknown = {path for _, path in routes} - allowed - set(REFUSED_PATHS)
    assert not unknown, "decide in digitsite.gate_routes whether the studio needs these"
    assert not allowed & set(REFUSED_PATHS)


def test_the_gate_allows_nothing_that_gradio_does_not_have():
    routes = gradio_routes()
    named = {("POST", f"/gradio_api/run/{name}") for name in VISITOR_ENDPOINTS}
    for methods, pattern in ALLOWED_ROUTES + VISITOR_ROUTES:
        used = [
            path for method, path in routes | named if method in methods and pattern.fullmatch(path)
        ]
        assert used, pattern.pattern


@pytest.mark.parametrize("path", ["/", "/gradio_api/run/predict", "/upload", "/gradio_api/user"])
def test_strangers_are_stopped(path):
    assert ask("GET", f"/studio{path}").status_code == 401
    assert ask("POST", f"/studio{path}").status_code == 401


def test_strangers_who_open_the_page_are_led_to_the_sign_in_page():
    response = ask("GET", "/studio/", headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["location"]) == (302, "/sign-in/?next=/studio/")
    framed = {"Accept": "text/html", "Sec-Fetch-Dest": "iframe"}
    assert ask("GET", "/studio/", headers=framed).status_code == 401


def test_a_person_passes_and_is_named_to_gradio(cookies):
    assert ask("POST", PREDICT, cookies, content=b"12345").text.startswith("ada 5 ")


def test_a_made_up_session_is_a_stranger():
    assert ask("GET", "/studio/", {"sessionid": "x" * 32}).status_code == 401


def test_signing_out_ends_access_at_once(ada):
    client = Client()
    client.force_login(ada, backend="digitsite.accounts.backends.RoleBackend")
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    assert ask("GET", "/studio/", cookies).status_code == 200
    client.post("/sign-out/")
    assert ask("GET", "/studio/", cookies).status_code == 401


def test_a_new_password_ends_other_sessions(ada, cookies):
    ada.set_password(TEST_PASSWORD + "!")
    ada.save()
    assert ask("GET", "/studio/", cookies).status_code == 401


def test_a_closed_account_is_a_stranger(ada, cookies):
    ada.is_active = False
    ada.save()
    assert ask("GET", "/studio/", cookies).status_code == 401


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_program_passes_with_a_token_which_gradio_does_not_see(ada):
    _, key = create_token(ada, "script")
    answer = ask("POST", PREDICT, headers=bearer(key)).text.split()
    assert answer[0] == "ada"
    assert "authorization" not in answer


def test_a_revoked_token_ends_access_at_once(ada):
    token, key = create_token(ada, "script")
    assert ask("POST", PREDICT, headers=bearer(key)).status_code == 200
    revoke_token(ada, token.pk)
    assert ask("POST", PREDICT, headers=bearer(key)).status_code == 401


@pytest.mark.parametrize("value", ["Bearer digitsite_wrong", "Bearer ", "Basic YTpi", ""])
def test_a_wrong_token_is_refused_even_with_a_session(cookies, value):
    answer = ask("POST", PREDICT, cookies, headers={"Authorization": value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_token")


def test_the_token_of_a_closed_account_or_of_one_without_the_right_is_refused(ada):
    _, key = create_token(ada, "script")
    ada.is_active = False
    ada.save()
    assert ask("POST", PREDICT, headers=bearer(key)).status_code == 401
    _, key = create_token(make_user(None, "nobody"), "script")
    assert ask("POST", PREDICT, headers=bearer(key)).status_code == 403


def test_people_without_the_right_to_draw_are_refused():
    nobody = make_user(None, "nobody")
    assert ask("GET", "/studio/", cookies_of(nobody)).status_code == 403


@pytest.mark.parametrize("path", REFUSED_PATHS)
def test_what_the_studio_does_not_need_is_not_there(cookies, path):
    for method in ("GET", "POST"):
        assert ask(method, f"/studio{path}", cookies).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=https://example.com/",
        "/gradio_api/file=http://example.com/",
        "/gradio_api/file=/etc/passwd",
        "/assets/%2e%2e/%2e%2e/settings.py",
        "//gradio_api/upload",
    ],
)
def test_ways_around_the_list_are_closed(cookies, path):
    assert ask("GET", f"/studio{path}", cookies).status_code == 404


def test_a_path_that_climbs_is_not_allowed():
    assert is_allowed("GET", "/assets/index.js")
    assert not is_allowed("GET", "/assets/../../settings.py")
    assert not is_allowed("POST", "/gradio_api/run/../upload")


def test_other_methods_are_refused(cookies):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        assert ask(method, PREDICT, cookies).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost"}, 200),
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "https://localhost"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_unsafe_requests_come_from_this_site(cookies, headers, status):
    assert ask("POST", PREDICT, cookies, headers=headers).status_code == status


def test_behind_a_proxy_with_https_the_origin_is_https(cookies, settings):
    settings.HTTPS = True
    for origin, status in (("https://localhost", 200), ("http://localhost", 403)):
        assert ask("POST", PREDICT, cookies, headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", ""])
def test_another_host_is_refused(cookies, host):
    assert ask("GET", "/studio/", cookies, headers={"Host": host}).status_code == 400


def test_headers_that_name_another_host_do_not_reach_gradio(cookies):
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    names = ask("GET", "/studio/", cookies, headers=headers).text.split()
    assert "host" in names
    assert not {"x-forwarded-host", "forwarded"} & set(names)


def test_a_body_over_the_cap_is_refused(cookies):
    assert ask("POST", PREDICT, cookies, content=b"x" * MAX_BODY_BYTES).status_code == 200
    assert ask("POST", PREDICT, cookies, content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_a_body_that_does_not_tell_its_size_is_counted(cookies):
    async def chunks(count: int):
        for _ in range(count):
            yield b"x" * (1024 * 1024)

    whole = MAX_BODY_BYTES // 1024 // 1024
    assert ask("POST", PREDICT, cookies, content=chunks(whole)).status_code == 200
    assert ask("POST", PREDICT, cookies, content=chunks(whole + 1)).status_code == 413


def test_a_size_that_is_no_number_is_refused(cookies):
    headers = {"Content-Length": "-1"}
    assert ask("POST", PREDICT, cookies, headers=headers).status_code == 400


def test_the_answer_may_be_framed_by_this_site_only(cookies):
    for response in (ask("GET", "/studio/", cookies), ask("GET", "/studio/")):
        assert response.headers["x-frame-options"] == "SAMEORIGIN"
        policy = response.headers["content-security-policy"]
        assert "frame-ancestors 'self'" in policy
        assert "http" not in policy
        assert response.headers["cache-control"] == "no-store"


def test_the_page_without_its_slash_is_moved():
    response = ask("GET", "/studio")
    assert (response.status_code, response.headers["location"]) == (308, "/studio/")


def test_the_rest_of_the_site_does_not_pass_the_gate():
    for path in ("/", "/studios/", "/draw/"):
        assert ask("GET", path, base="http://evil.example").text.startswith("None 0")


# --- visitors of a share link -------------------------------------------------------------------

# All that the page of a link needs; whatever else Gradio has is not there for a visitor.
FOR_VISITORS = {
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/theme.css"),
    ("GET", "/assets/x"),
    ("GET", "/static/x"),
}
VISITED_ENDPOINTS = ["status", "predict", "replay", "explain", "submit"]
CALL = {"json": {"data": []}}
"""What the page sends."""

OTHER_ENDPOINTS = ["predict_picture", "submit_picture", "x", "predict/../submit_picture"]


@pytest.fixture
def shared():
    """(the link, where its studio is)"""
    link, token = create_share_link(make_user(Role.RESEARCHER, "rita"), label="Class 4b")
    return link, f"/s/{token}/studio"


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_visitor_gets_the_page_and_its_calls_and_no_other_route_of_gradio(shared):
    _, studio = shared
    complaints = []
    for method, path in sorted(gradio_routes()):
        response = ask(method, studio + path)
        expected = 200 if (method, path) in FOR_VISITORS else 404
        if response.status_code != expected:
            complaints.append(f"{method} {path}: {response.status_code}, expected {expected}")
    assert not complaints
    for path in REFUSED_PATHS:
        for method in ("GET", "POST"):
            assert ask(method, studio + path).status_code == 404


@pytest.mark.parametrize("name", VISITED_ENDPOINTS)
def test_a_visitor_calls_by_one_route_and_is_named_after_the_link(shared, name):
    link, studio = shared
    answer = ask("POST", f"{studio}/gradio_api/run/{name}", **CALL)
    assert answer.text.startswith(f"visitor-of-link-{link.pk} 11 ")
    for route in ("api", "call", "call/v2"):
        assert ask("POST", f"{studio}/gradio_api/{route}/{name}").status_code == 404
    assert ask("GET", f"{studio}/gradio_api/run/{name}").status_code == 404


@pytest.mark.parametrize("name", OTHER_ENDPOINTS)
def test_pictures_are_not_for_visitors(shared, name):
    _, studio = shared
    assert ask("POST", f"{studio}/gradio_api/run/{name}", **CALL).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [], "fn_index": 5}',
        b'{"fn_index": 5, "data": [], "session_hash": "x"}',
        b'{"data": [], "event_data": 1}',
        '{"data": [], "fn_index": 5}'.encode("utf-16"),
        b'["data"]',
        b'"data"',
        b"data",
        b"5",
        b"",
    ],
)
def test_the_body_of_a_visitor_names_no_other_endpoint(shared, body):
    """Gradio would follow its `fn_index` past the list of routes and the count of drawings."""
    _, studio = shared
    for name in VISITED_ENDPOINTS:
        answer = ask("POST", f"{studio}/gradio_api/run/{name}", content=body)
        assert error_of(answer) == (422, "invalid")


def test_a_link_opens_nothing_outside_its_own_path(shared):
    _, studio = shared
    token = studio.split("/")[2]
    for path in ("/studio/", PREDICT):
        for stowed in ({"Cookie": f"sessionid={token}"}, bearer(token)):
            assert ask("POST", path, headers=stowed).status_code == 401
    assert ask("GET", f"/s/{token}/studios/").text.startswith("None 0")  # left to Django


def test_gradio_builds_its_addresses_under_the_link(shared):
    _, studio = shared
    seen = {}

    async def inner(scope, receive, send):
        seen.update(path=scope["path"], root=scope["root_path"])
        await behind(scope, receive, send)

    async def request():
        transport = httpx.ASGITransport(app=Gate(inner, prefix="/studio"))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.get(studio + "/theme.css")

    asyncio.run(request())
    assert seen == {"path": studio + "/theme.css", "root": studio.removesuffix("/studio")}


def test_a_link_that_never_was_is_not_there():
    assert error_of(ask("GET", f"/s/{'x' * 32}/studio/")) == (404, "link_unknown")
    assert error_of(ask("POST", "/s/x/studio/gradio_api/run/predict", **CALL)) == (
        404,
        "link_unknown",
    )


def test_revoking_a_link_ends_access_at_once_and_says_so(shared):
    link, studio = shared
    predict = f"{studio}/gradio_api/run/predict"
    assert ask("POST", predict, **CALL).status_code == 200
    revoke_share_link(link)
    assert error_of(ask("POST", predict, **CALL)) == (410, "link_revoked")
    assert error_of(ask("GET", studio + "/assets/x")) == (410, "link_revoked")
    opened = ask("GET", studio + "/", headers={"Accept": "text/html"})
    page = studio.removesuffix("studio")
    assert (opened.status_code, opened.headers["location"]) == (302, page)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "link_expired"),
        ({"max_drawings": 3, "drawings_taken": 3}, "link_full"),
    ],
)
def test_a_link_ends_by_itself(shared, fields, code):
    link, studio = shared
    type(link).objects.filter(pk=link.pk).update(**fields)
    assert error_of(ask("POST", f"{studio}/gradio_api/run/predict", **CALL)) == (410, code)


@pytest.mark.parametrize("loss", [{"is_active": False}, {"role": None}])
def test_a_link_ends_with_the_right_of_its_owner(shared, loss):
    link, studio = shared
    assert ask("GET", studio + "/").status_code == 200
    if "role" in loss:
        link.owner.groups.clear()
    else:
        type(link.owner).objects.update(**loss)
    assert error_of(ask("GET", studio + "/")) == (410, "link_revoked")


def test_who_has_an_account_may_look_but_hands_in_under_their_own_name(shared, cookies):
    _, studio = shared
    assert ask("POST", f"{studio}/gradio_api/run/predict", cookies, **CALL).status_code == 200
    submit = f"{studio}/gradio_api/run/submit"
    assert error_of(ask("POST", submit, cookies, **CALL)) == (403, "has_account")
    nobody = cookies_of(make_user(None, "nobody"))
    assert ask("POST", submit, nobody, **CALL).status_code == 200


def test_the_rules_for_people_hold_for_visitors_too(shared):
    _, studio = shared
    predict = f"{studio}/gradio_api/run/predict"
    foreign = {"Origin": "http://evil.example"}
    assert error_of(ask("POST", predict, headers=foreign)) == (403, "foreign_origin")
    assert error_of(ask("POST", predict, headers={"Host": "evil.example"})) == (400, "bad_request")
    big = b"x" * (MAX_BODY_BYTES + 1)
    assert error_of(ask("POST", predict, content=big)) == (413, "too_large")
    moved = ask("GET", studio)
    assert (moved.status_code, moved.headers["location"]) == (308, studio + "/")
    for path in ("/gradio_api/proxy=https://example.com/", "/gradio_api/file=/etc/passwd"):
        assert ask("GET", studio + path).status_code == 404


# --- how often ----------------------------------------------------------------------------------


@pytest.fixture
def one_at_a_time(monkeypatch):
    """`one_at_a_time(rate)`: a bucket of one, refilled in 100 s."""
    rates = []

    def shrink(rate):
        rate.forget()
        rates.append(rate)
        monkeypatch.setattr(rate, "burst", 1)
        monkeypatch.setattr(rate, "per_second", 0.01)

    yield shrink
    for rate in rates:
        rate.forget()


def assert_too_often(response: httpx.Response) -> None:
    assert error_of(response) == (429, "too_often")
    assert 1 <= int(response.headers["retry-after"]) <= 100


def test_calls_of_a_person_are_counted_whatever_way_they_come(one_at_a_time, ada, cookies):
    one_at_a_time(limits.predictions)
    assert ask("POST", PREDICT, cookies).status_code == 200
    for path in ("run/predict", "call/predict", "api/predict", "queue/join"):
        assert_too_often(ask("POST", f"/studio/gradio_api/{path}", cookies))
    assert_too_often(ask("POST", PREDICT, headers=bearer(create_token(ada, "script")[1])))
    assert ask("GET", "/studio/", cookies).status_code == 200
    assert ask("POST", PREDICT, cookies_of(make_user(Role.DRAWER, "bob"))).status_code == 200


@pytest.mark.parametrize(
    ("rate", "name"),
    [(limits.visitor_predictions, "predict"), (limits.visitor_submissions, "submit")],
)
def test_visitors_are_counted_by_link_and_by_address(one_at_a_time, rate, name, shared):
    one_at_a_time(rate)
    link, studio = shared
    assert ask("POST", f"{studio}/gradio_api/run/{name}", **CALL).status_code == 200
    assert_too_often(ask("POST", f"{studio}/gradio_api/run/{name}", **CALL))
    _, token = create_share_link(link.owner, label="Another")  # from the same address
    assert_too_often(ask("POST", f"/s/{token}/studio/gradio_api/run/{name}", **CALL))
    assert ask("GET", studio + "/").status_code == 200


# --- streams ------------------------------------------------------------------------------------


def test_a_stream_ends_soon_after_its_reader_signed_out(ada, monkeypatch):
    monkeypatch.setattr(gate_module, "LOOK_SECONDS", 0.05)
    browser = Client()
    browser.force_login(ada, backend="digitsite.accounts.backends.RoleBackend")
    ended = []

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"beat", "more_body": True})
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(scope["path"])

    async def watch():
        cookie = f"sessionid={browser.cookies['sessionid'].value}".encode()
        path = "/studio/gradio_api/heartbeat/x"
        scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
        scope["headers"] = [(b"host", b"localhost"), (b"cookie", cookie)]
        sent = asyncio.Queue()

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        answering = asyncio.create_task(Gate(endless, "/studio")(scope, receive, sent.put))
        assert (await sent.get())["status"] == 200
        assert (await sent.get())["body"] == b"beat"
        await asyncio.to_thread(browser.post, "/sign-out/")
        async with asyncio.timeout(10):
            assert not (await sent.get()).get("more_body", False)
            await answering

    asyncio.run(watch())
    assert ended == ["/studio/gradio_api/heartbeat/x"]


def test_a_person_has_so_many_streams_of_the_studio_and_no_more(ada, cookies, settings):
    settings.STUDIO_STREAMS_PER_PERSON = 2
    bob = cookies_of(make_user(Role.DRAWER, "bob"))
    paths = ["heartbeat/x", "queue/data?session_hash=x", "call/predict/x", "call/v2/predict/x"]
    opened = asyncio.Event()

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await opened.wait()
        await send({"type": "http.response.body", "body": b"over"})

    async def many():
        transport = httpx.ASGITransport(app=Gate(endless, "/studio"))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:

            def ask(path, whose):
                header = {"Cookie": f"sessionid={whose['sessionid']}"}
                return browser.get(f"/studio/gradio_api/{path}", headers=header)

            open_ones = [asyncio.create_task(ask(path, cookies)) for path in paths[:2]]
            while gate_module.studio_streams.of("ada") < 2:
                await asyncio.sleep(0.01)
            for path in paths:
                refused = await ask(path, cookies)
                assert error_of(refused) == (429, "too_many_streams")
                assert refused.headers["retry-after"] == "10"
            open_ones.append(asyncio.create_task(ask(paths[0], bob)))
            while gate_module.studio_streams.of("bob") < 1:
                await asyncio.sleep(0.01)
            opened.set()
            assert [one.status_code for one in await asyncio.gather(*open_ones)] == [200] * 3
            assert (await ask(paths[0], cookies)).status_code == 200
        assert gate_module.studio_streams.total == 0

    asyncio.run(many())
