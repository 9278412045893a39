"""How often the studio's page asks while somebody draws, on a clock that the test moves."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DRAW = """async ({ moves, answered, lifted }) => {
  const { LiveReading } = await import("/static/inference/studio/live.js");
  let now = 0;
  let timers = [];
  performance.now = () => now;
  window.setTimeout = (work, wait) => {
    timers.push({ at: now + wait, work });
    return timers.at(-1);
  };
  window.clearTimeout = (timer) => { timers = timers.filter((one) => one !== timer); };
  const asked = [];
  const shown = [];
  const live = new LiveReading({
    ask: (state) => {
      asked.push([now, state]);
      return new Promise((resolve) => setTimeout(() => resolve(state), answered));
    },
    show: (answer) => shown.push(answer),
    fail: (error) => { throw error; },
  });
  for (; now < 1000; now += 1) {
    for (const timer of timers.filter((one) => one.at <= now)) {
      clearTimeout(timer);
      timer.work();
    }
    if (moves.includes(now)) live.update(now);
    if (now === lifted) live.settle();
    for (let step = 0; step < 9; step += 1) await null;
  }
  return { asked, shown };
}"""


@pytest.fixture
def pen(site, open_page):
    """`pen(moves, answered=10, lifted=None)`: what was asked, as [milliseconds, state], when a pen
    moved at the milliseconds `moves` and each answer took `answered`."""
    page = open_page(f"{site}/sign-in/")

    def pen(moves, answered=10, lifted=None) -> list[list[int]]:
        given = {"moves": list(moves), "answered": answered, "lifted": lifted}
        told = page.evaluate(DRAW, given)
        assert told["shown"] == [state for _, state in told["asked"]]
        assert told["shown"][-1] == max(moves)
        return told["asked"]

    return pen


def test_while_the_pen_moves_there_is_one_question_in_60_ms_and_one_after_the_last_point(pen):
    asked = pen(range(0, 200, 10))
    assert [at for at, _ in asked[:4]] == [0, 60, 120, 180]
    assert asked[4:] == [[210, 190]]  # 20 ms after the last point: the pen rests


def test_the_end_of_a_stroke_is_asked_for_at_once(pen):
    asked = pen([0, 10, 20, 25], lifted=26)
    assert asked == [[0, 0], [26, 25]]


def test_the_last_point_waits_for_the_answer_that_is_under_way_and_no_longer(pen):
    asked = pen([0, 10], answered=90, lifted=11)
    assert asked == [[0, 0], [90, 10]]


def test_a_pen_that_stutters_asks_no_more_often_on_the_average(pen):
    asked = pen(range(0, 400, 30))
    times = [at for at, _ in asked]
    assert len(times) <= times[-1] / 60 + 2
    assert asked[-1][1] == 390
