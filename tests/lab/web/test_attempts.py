"""Guessing is slow, for one address and for many; people are not kept out for long. The clock is the test's."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from liftlab.engine.lab import Lab
from liftlab.web import attempts
from liftlab.web.attempts import ADDRESSES_MAX, ALL_BURST, FREE_GUESSES, LONGEST_WAIT_SECS, Attempts
from liftlab.web.security import Access
from liftlab.web.server import build_app

HOUR = 3600


class Clock:
    """Seconds as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock) -> Attempts:
    return Attempts(clock)


def guesses_in(secs: int, counted: Attempts, clock: Clock, addresses: list[str]) -> int:
    """How many wrong guesses are compared when all of these addresses try ten times a second."""
    compared = 0
    for _ in range(secs * 10):
        for address in addresses:
            if not counted.wait_secs(address):
                counted.wrong(address)
                compared += 1
        clock.now += 0.1
    return compared


def test_one_address_gets_few_guesses_in_an_hour(counted: Attempts, clock: Clock) -> None:
    assert guesses_in(HOUR, counted, clock, ["10.0.0.1"]) <= FREE_GUESSES + 4 + HOUR / LONGEST_WAIT_SECS


def test_many_addresses_together_get_few_more(counted: Attempts, clock: Clock) -> None:
    many = [f"10.0.0.{number}" for number in range(200)]
    assert guesses_in(40, counted, clock, many) <= ALL_BURST + 40 * attempts.ALL_PER_SEC + 1


def test_the_right_person_waits_a_quarter_of_a_minute_at_most(counted: Attempts, clock: Clock) -> None:
    guesses_in(300, counted, clock, ["10.0.0.1"])
    assert 0 < counted.wait_secs("10.0.0.1") <= LONGEST_WAIT_SECS
    assert counted.wait_secs("10.0.0.2") == 0, "another address is not held up"
    clock.now += LONGEST_WAIT_SECS
    assert counted.wait_secs("10.0.0.1") == 0


def test_who_has_come_in_before_is_not_kept_out_by_strangers(counted: Attempts, clock: Clock) -> None:
    counted.right("10.0.0.1")
    for number in range(ALL_BURST + 5):
        counted.wrong(f"10.1.0.{number}")
    assert counted.wait_secs("10.9.9.9") > 0
    assert counted.wait_secs("10.0.0.1") == 0


def test_coming_in_and_time_forgive(counted: Attempts, clock: Clock) -> None:
    for _ in range(FREE_GUESSES + 3):
        counted.wrong("10.0.0.1")
    counted.right("10.0.0.1")
    assert counted.wait_secs("10.0.0.1") == 0
    for _ in range(FREE_GUESSES + 3):
        counted.wrong("10.0.0.2")
    clock.now += attempts.FORGET_SECS + 1
    counted.wrong("10.0.0.2")
    assert counted.wait_secs("10.0.0.2") == 0


def test_a_network_of_one_machine_is_one_address(counted: Attempts) -> None:
    for number in range(FREE_GUESSES + 1):
        counted.wrong(f"2001:db8::{number:x}")
    assert counted.wait_secs("2001:db8::ffff") > 0
    assert counted.wait_secs("2001:db8:0:1::1") == 0
    for _ in range(FREE_GUESSES + 1):
        counted.wrong("::ffff:10.0.0.7")
    assert counted.wait_secs("10.0.0.7") > 0


def test_memory_is_bounded_and_keeps_those_who_came_in(counted: Attempts) -> None:
    counted.right("192.168.0.1")
    for number in range(ADDRESSES_MAX + 500):
        counted.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(counted) == ADDRESSES_MAX
    for _ in range(FREE_GUESSES):
        assert counted.wait_secs("192.168.0.1") == 0


def test_passwords_and_tokens_are_slowed_at_the_door(tmp_path: Path, clock: Clock) -> None:
    access = Access("0.0.0.0", 7861, ("ada", "secret"))
    app = build_app(Lab(tmp_path), access=access, attempts=Attempts(clock))
    right, wrong = {"user": "ada", "password": "secret"}, {"user": "ada", "password": "guess"}
    with TestClient(app, base_url="http://lab.local", follow_redirects=False) as client:
        tries = [lambda: client.post("/lab/login", data=wrong), lambda: client.get("/?token=guess")]
        for number in range(FREE_GUESSES):
            assert tries[number % 2]().status_code == 401
        for refused in (client.post("/lab/login", data=wrong), client.get("/?token=guess")):
            assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= LONGEST_WAIT_SECS
        early = client.post("/lab/login", data=right)
        assert early.status_code == 429 and "try again in" in early.text and "set-cookie" not in early.headers
        assert client.get(f"/?token={access.token}").status_code == 200, "the printed address opens at once"
        client.cookies.clear()
        clock.now += int(early.headers["retry-after"])
        assert client.post("/lab/login", data=right).status_code == 303
        assert client.get("/config").status_code == 200
