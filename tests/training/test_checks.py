import pytest

from training.checks import lease_outlives_heartbeats


@pytest.mark.parametrize(("lease", "heartbeat"), [(60, 10), (60, 20), (3, 0.5)])
def test_a_heartbeat_within_a_third_of_the_lease_is_sound(settings, lease, heartbeat):
    settings.RUN_LEASE_SECONDS, settings.RUN_HEARTBEAT_SECONDS = lease, heartbeat

    assert lease_outlives_heartbeats(None) == []


def test_a_heartbeat_too_slow_for_its_lease_is_an_error_with_the_figures(settings):
    settings.RUN_LEASE_SECONDS, settings.RUN_HEARTBEAT_SECONDS = 15, 10

    (error,) = lease_outlives_heartbeats(None)
    assert "10" in error.msg
    assert "15" in error.msg
    assert "5 s" in error.hint
