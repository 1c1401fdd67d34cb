"""Fixtures of the tests in a browser. Both skip, in words, where the machine lacks something."""

import pytest

import browser


@pytest.fixture(scope="module")
def chromium():
    """Give a running Chromium; not for the whole session, since its event loop disturbs others."""
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site():
    """Give the folder of the built site."""
    return browser.built_site()
