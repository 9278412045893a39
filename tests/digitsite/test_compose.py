"""docker-compose.yml runs what the supervisor runs, with variables that the settings know."""

import asyncio
from pathlib import Path

import pytest
import uvicorn
import yaml
from django.conf import settings

from digitsite.supervisor.processes import PROCESSES, QUIET
from tests.digitsite.settings_names import names_read_by_settings

ROOT = Path(settings.BASE_DIR)
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "digitsite"}
ONE_SHOT = {"setup", "first-model"}
READ_BY_UVICORN = {"FORWARDED_ALLOW_IPS"}


def test_every_process_of_the_table_is_a_service_and_no_other_runs_our_code():
    assert set(OURS) - ONE_SHOT == set(PROCESSES)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_service_runs_the_command_of_the_table(name):
    expected = PROCESSES[name].argv(python="python", bind="0.0.0.0", port=8000)
    assert OURS[name]["command"] == expected


@pytest.mark.parametrize("name", PROCESSES)
def test_a_service_has_the_environment_and_the_patience_of_the_table(name):
    process = PROCESSES[name]
    assert OURS[name]["environment"].items() >= process.environment.items()
    assert OURS[name]["stop_grace_period"] == f"{process.stop_seconds}s"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_given_to_our_services_is_read_by_somebody(name):
    known = names_read_by_settings() | set(QUIET)
    if name == "web":
        known |= READ_BY_UVICORN
    assert set(OURS[name]["environment"]) <= known


def test_a_proxy_that_is_named_may_say_from_where_somebody_asks(monkeypatch):
    """Rates count by address: behind a proxy that is not named, everybody would be one."""
    given = SERVICES["web"]["environment"]["FORWARDED_ALLOW_IPS"]
    assert given == "${FORWARDED_ALLOW_IPS:-127.0.0.1}"
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "172.16.0.0/12")
    seen = []

    async def site(scope, receive, send):
        seen.append(scope["client"][0])

    config = uvicorn.Config(site, ws="none", lifespan="off", log_config=None)
    config.load()
    for proxy in ("172.18.0.5", "203.0.113.9"):
        headers = [(b"x-forwarded-for", b"198.51.100.7")]
        scope = {"type": "http", "client": (proxy, 40000), "headers": headers, "scheme": "http"}
        asyncio.run(config.loaded_app(scope, None, None))
    assert seen == ["198.51.100.7", "203.0.113.9"]


def test_every_lasting_service_has_a_health_check():
    lasting = set(SERVICES) - ONE_SHOT
    assert {name for name in lasting if "healthcheck" not in SERVICES[name]} == set()


def test_only_the_web_service_publishes_a_port_and_only_to_this_machine_by_default():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["${PUBLISH:-127.0.0.1:8000}:8000"]}


def test_our_services_run_without_root_and_without_capabilities():
    dockerfile = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in dockerfile if line.startswith("USER ")]
    assert users == ["digitsite"]
    for service in OURS.values():
        assert service["cap_drop"] == ["ALL"]
        assert "user" not in service


def test_secrets_have_no_default_and_are_listed_in_the_example():
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / "env.example").read_text().splitlines()
    for secret in (
        "DIGITSITE_SECRET_KEY",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "DIGITSITE_ADMIN_PASSWORD",
    ):
        uses = [use.split("}")[0] for use in text.split(f"${{{secret}")[1:]]
        assert uses, secret
        assert all(use.startswith(":?") for use in uses), secret
        assert f"{secret}=" in example


def test_the_image_copies_every_package_of_the_site():
    copied = {
        line.split()[1]
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
    }
    assert copied >= {"manage.py", "digitsite", "training", "inference", "templates"}
    listed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied if "/" not in name} <= set(listed)
