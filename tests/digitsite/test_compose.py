"""docker-compose.yml runs what the supervisor runs, with variables that the settings know."""

from pathlib import Path

import pytest
import yaml
from django.conf import settings

from digitsite.supervisor.processes import PROCESSES, QUIET
from tests.digitsite.settings_names import names_read_by_settings

ROOT = Path(settings.BASE_DIR)
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "digitsite"}
ONE_SHOT = {"setup", "first-model"}


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
    assert set(OURS[name]["environment"]) <= names_read_by_settings() | set(QUIET)


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
