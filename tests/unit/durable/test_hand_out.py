import threading
import time

from bedplate.durable.hand_out import Bell

LONG = 30.0


def waited(bell: Bell, timeout: float) -> list[bool]:
    """What a thread gets that waits meanwhile, once it has it."""
    got: list[bool] = []
    thread = threading.Thread(target=lambda: got.append(bell.wait(timeout)))
    thread.start()
    time.sleep(0.05)
    assert got == []
    bell.ring()
    thread.join(LONG)
    return got


def test_a_ring_ends_a_wait_and_is_no_stop() -> None:
    bell = Bell()
    assert waited(bell, LONG) == [False]
    assert not bell.is_set()


def test_a_ring_before_the_wait_counts_for_one_wait() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.wait(LONG) is False
    assert waited(bell, LONG) == [False]


def test_a_wait_that_nothing_ends_ends_with_its_time() -> None:
    assert Bell().wait(0.01) is False


def test_a_stop_ends_every_wait() -> None:
    bell = Bell()
    bell.set()
    assert bell.is_set()
    assert (bell.wait(LONG), bell.wait(None)) == (True, True)
