"""Servers for all tests of this run; a world for each module; daemons watched during every test."""
import os
import re
import resource
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support import invariants, stack  # noqa: E402


def pytest_configure(config):
    if "TICKET_RUN_DIR" not in os.environ:
        raise pytest.UsageError("TICKET_RUN_DIR names no running servers: start the tests with script/test")
    # script/test stops us like this: daemons are stopped first, as after a Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Thousands of buyers, each with a connection; the daemons inherit it.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture(scope="session")
def servers():
    s = stack.Servers(os.environ["TICKET_RUN_DIR"])
    s.heal()
    yield s
    s.heal()


@pytest.fixture(scope="module")
def world_settings():
    """A module says here what its daemons are to be told."""
    return {}


@pytest.fixture(scope="module")
def world(request, servers, world_settings):
    w = stack.open_world(servers, re.sub(r".*test_", "", request.module.__name__), **world_settings)
    yield w
    stack.close_world(w)


@pytest.fixture(scope="module")
def api(world):
    """One API daemon for the module."""
    return world.api()


@pytest.fixture(scope="module")
def consumer(world):
    """One consumer daemon for the module."""
    return world.consumer()


@pytest.fixture
def fresh_world(request, servers):
    """A world of one's own, for tests that break things. `fresh_world(setting=value, ...)`"""
    mine = []

    def make(**settings):
        w = stack.open_world(servers, re.sub(r"\W", "_", request.node.name)[:24], **settings)
        mine.append(w)
        return w
    yield make
    servers.heal()
    for w in mine:
        stack.close_world(w)


@pytest.fixture(autouse=True)
def daemons_behave(request):
    """No daemon ends unasked, and none reports a sanitizer's finding, during a test."""
    yield
    for w in list(stack._worlds):
        w.check()


@pytest.fixture
def everything_holds(world):
    """At the end of the test, all invariants of the module's world hold."""
    yield
    invariants.assert_all(world)
