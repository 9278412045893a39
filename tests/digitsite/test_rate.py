"""The token bucket, on a clock of its own."""

import pytest

from digitsite.accounts.limits import address_key
from digitsite.accounts.rate import Rate, TooOften


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def taken(rate: Rate, who="ada", most: int = 1000) -> int:
    """How often `who` may before it is too often."""
    for count in range(most):
        try:
            rate.take(who)
        except TooOften:
            return count
    return most


def test_a_burst_passes_and_then_one_for_each_period(clock):
    rate = Rate("drawings", per_second=2, burst=5, clock=clock)
    assert taken(rate) == 5
    clock.now += 0.4
    assert taken(rate) == 0
    clock.now += 0.1
    assert taken(rate) == 1
    clock.now += 1000
    assert taken(rate) == 5


def test_the_answer_says_when_to_come_again_and_that_is_true(clock):
    rate = Rate("drawings", per_second=0.1, burst=1, clock=clock)
    rate.take("ada")
    with pytest.raises(TooOften, match=r"Too many drawings\. Try again in 10 seconds\.") as refused:
        rate.take("ada")
    clock.now += refused.value.retry_after_seconds
    rate.take("ada")


def test_everybody_has_a_bucket_of_their_own(clock):
    rate = Rate("drawings", per_second=1, burst=3, clock=clock)
    assert (taken(rate, "ada"), taken(rate, "bob")) == (3, 3)


def test_the_memory_is_bounded_and_the_busy_are_remembered(clock):
    rate = Rate("drawings", per_second=1, burst=1, kept=10, clock=clock)
    rate.take("ada")
    for number in range(9):
        rate.take(number)
    assert taken(rate, "ada") == 0
    rate.take("new")
    assert len(rate._buckets) == 10
    assert taken(rate, "ada") == 1  # the oldest, forgotten


def test_forgetting_fills_every_bucket(clock):
    rate = Rate("drawings", per_second=1, burst=1, clock=clock)
    rate.take("ada")
    rate.forget()
    rate.take("ada")


def test_a_check_says_what_taking_would_and_counts_nothing(clock):
    rate = Rate("drawings", per_second=0.1, burst=1, clock=clock)
    for _ in range(3):
        rate.check("ada")
    rate.take("ada")
    with pytest.raises(TooOften, match="10 seconds"):
        rate.check("ada")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),  # one household's network
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("", None, False),
    ],
)
def test_an_address_is_counted_as_one_machine_or_network(one, other, same):
    assert (address_key(one) == address_key(other)) == same
