import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from tests.factories import make_run, make_running_run, make_succeeded_run, make_user, record_epochs
from training import live, progress, run_page
from training.models import Evaluation, TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)
Status = TrainingRun.Status
BATCH = {"kind": "batch", "epoch": 1, "batch": 7, "batches": 9, "loss": 0.5, "accuracy": 0.75}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(live, "RETRY_REDIS_SECONDS", 0.05)


class Stream:
    """One open stream: `await next_event()` gives (event, data)."""

    def __init__(self, run, user=None):
        class Request:
            META = {}

            async def auser(self):
                return self.user

        browser = Client()
        self.request = Request()
        self.request.user = user or run.owner
        browser.force_login(self.request.user)
        self.request.session = browser.session
        self.chunks = live.stream(self.request, run.pk)

    async def __aenter__(self):
        assert (await anext(self.chunks)).startswith("retry:")
        return self

    async def __aexit__(self, *_):
        await self.chunks.aclose()

    async def next_event(self) -> tuple[str, str]:
        chunk = await asyncio.wait_for(anext(self.chunks), 10)
        assert chunk.endswith("\n\n")
        event, *data = chunk[:-2].split("\n")
        return event.removeprefix("event: "), "\n".join(
            line.removeprefix("data: ") for line in data
        )

    async def regions(self) -> dict[str, str]:
        """The first look: every region once."""
        return dict([await self.next_event() for _ in run_page.REGIONS])

    async def until(self, event: str, text: str) -> str:
        while True:
            name, data = await self.next_event()
            if name == event and text in data:
                return data


def test_a_message_is_one_event_whatever_its_lines():
    assert live.message("log", "a\nb\r\nc") == "event: log\ndata: a\ndata: b\ndata: c\n\n"
    assert live.message("end", "") == "event: end\ndata: \n\n"


def test_a_stream_starts_with_every_region_and_then_sends_changes_only():
    run = make_run()

    @async_to_sync
    async def watch():
        async with Stream(run) as stream:
            first = await stream.regions()
            assert list(first) == list(run_page.REGIONS)
            assert "Queued" in first["head"]
            await sync_to_async(run.events.create)(fence=0, message="Something new.")
            name, data = await stream.next_event()
            assert name == "log"
            assert "Something new." in data

    watch()


def test_a_state_change_is_seen_without_redis():
    run, claim = make_running_run()

    @async_to_sync
    async def watch():
        async with Stream(run) as stream:
            await stream.regions()
            await sync_to_async(record_epochs)(claim, 1)
            assert "89.00" in await stream.until("epochs", "89.00")
            await TrainingRun.objects.filter(pk=run.pk).aupdate(status=Status.CANCELLED)
            await stream.until("head", "Cancelled")
            await stream.until("end", "")
            with pytest.raises(StopAsyncIteration):
                await anext(stream.chunks)

    watch()


def test_batches_come_through_redis_before_the_row_knows(redis_url):
    run, _ = make_running_run()

    @async_to_sync
    async def watch():
        async with Stream(run) as stream:
            assert "batch 7 of 9" not in (await stream.regions())["status"]

            async def publish():
                while True:
                    await sync_to_async(progress.publish)(run.pk, BATCH)
                    await asyncio.sleep(0.02)

            publishing = asyncio.create_task(publish())
            assert "accuracy 75.00" in await stream.until("status", "batch 7 of 9")
            publishing.cancel()

    watch()


def test_batches_of_before_a_restart_are_forgotten(redis_url):
    newest = live._Newest()

    @async_to_sync
    async def watch():
        following = asyncio.create_task(newest.follow(1))
        for payload in (BATCH, {"kind": "state", "status": "queued"}):
            async with asyncio.timeout(10):
                while newest.payload != (BATCH if payload is BATCH else {}):
                    await sync_to_async(progress.publish)(1, payload)
                    await asyncio.sleep(0.02)
        following.cancel()

    watch()
    assert newest.payload == {}


def test_a_succeeded_run_stays_live_until_it_is_judged():
    run = make_succeeded_run()

    @async_to_sync
    async def watch():
        async with Stream(run) as stream:
            assert "Being judged" in (await stream.regions())["result"]
            rows = Evaluation.objects.filter(run=run)
            await rows.aupdate(
                status="done", accuracy=0.9876, accuracy_low=0.98, accuracy_high=0.99
            )
            await stream.until("result", "98.76")
            assert (await stream.next_event())[0] == "end"

    watch()


def test_a_silent_stream_says_that_it_lives(monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.0)
    run = make_run()

    @async_to_sync
    async def watch():
        async with Stream(run) as stream:
            await stream.regions()
            assert (await stream.next_event())[0] == "beat"

    watch()


def test_a_stream_ends_in_time_so_that_the_browser_signs_in_anew(monkeypatch):
    monkeypatch.setattr(live, "LIFETIME_SECONDS", 0.2)
    run = make_run()

    @async_to_sync
    async def watch():
        return [chunk async for chunk in Stream(run).chunks]

    assert not any(chunk.startswith("event: end") for chunk in watch())


def _sign_out(user, session):
    session.flush()


def _close_account(user, session):
    User.objects.filter(pk=user.pk).update(is_active=False)


def _take_the_role(user, session):
    user.groups.clear()


def _change_the_password(user, session):
    user.set_password("quite another password")
    user.save()


@pytest.mark.parametrize(
    "lose_access", [_sign_out, _close_account, _take_the_role, _change_the_password]
)
def test_a_stream_ends_with_the_right_to_read_it(lose_access):
    run, reader = make_run(), make_user(Role.DRAWER)

    @async_to_sync
    async def watch():
        async with Stream(run, reader) as stream:
            await stream.regions()
            await sync_to_async(lose_access)(reader, stream.request.session)
            with pytest.raises(StopAsyncIteration):
                await stream.next_event()

    watch()


def test_all_people_together_have_so_many_streams(settings):
    settings.STREAMS_TOTAL = 2
    run, other = make_run(), make_user(Role.DRAWER)

    @async_to_sync
    async def watch():
        async with Stream(run), Stream(run, other):
            assert live.is_full(other.pk)
            assert live.is_full(0)
        assert not live.is_full(other.pk)

    watch()


def test_a_person_has_so_many_streams_and_closing_one_frees_its_place(settings):
    settings.STREAMS_PER_PERSON = 2
    run, other = make_run(), make_user(Role.DRAWER)

    @async_to_sync
    async def watch():
        async with Stream(run), Stream(run):
            assert live.is_full(run.owner_id)
            assert not live.is_full(other.pk)
            client = AsyncClient()
            await client.aforce_login(run.owner)
            answer = await client.get(reverse("run_events", args=[run.pk]))
            assert (answer.status_code, answer["Retry-After"]) == (429, "10")
            assert answer.json()["error"]["code"] == "too_many_streams"
            assert [chunk async for chunk in Stream(run).chunks] == ["retry: 30000\n\n"]
        assert not live.is_full(run.owner_id)
        assert live._open_streams.total == 0

    watch()


def test_the_stream_is_an_event_stream_that_nobody_may_keep():
    run = make_run(status=Status.CANCELLED)

    @async_to_sync
    async def watch():
        client = AsyncClient()
        await client.aforce_login(run.owner)
        answer = await client.get(reverse("run_events", args=[run.pk]))
        return answer.headers, b"".join([chunk async for chunk in answer.streaming_content])

    headers, content = watch()
    assert headers["Content-Type"] == "text/event-stream"
    assert "no-store" in headers["Cache-Control"]
    assert headers["X-Accel-Buffering"] == "no"
    assert content.decode().count("\nevent: ") == len(run_page.REGIONS) + 1
    assert content.endswith(b"event: end\ndata: over\n\n")
