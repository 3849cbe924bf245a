"""The collector is off inside and afterwards as it was, whatever happens."""

import gc
import weakref

import pytest

from experiments.collector import collector_paused, release_memory


def test_an_inner_pause_leaves_the_collector_as_it_found_it():
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def fail_while_paused():
    with collector_paused():
        raise KeyError("a")


def test_the_collector_is_on_again_after_an_error():
    with pytest.raises(KeyError):
        fail_while_paused()
    assert gc.isenabled()


def test_what_only_waits_for_the_collector_is_freed():
    """The trainers of trl hold their models in a cycle of references."""

    class Holder:
        pass

    held = Holder()
    held.itself = held
    seen = weakref.ref(held)
    with collector_paused():
        del held
        assert seen() is not None
        release_memory()
        assert seen() is None
