"""Options that come from outside may be nested as deep as their text allows."""

from __future__ import annotations

import json
from typing import Any

import pydantic
import pytest

from bessemer_server.layers import options


class Inner(options.Options):
    """Some."""

    count: int = 1
    anything: Any = None


class Outer(options.Options):
    """Of others."""

    inner: Inner = Inner()


def find_faults(given):
    with pytest.raises(pydantic.ValidationError) as refusal:
        Outer.model_validate(given)
    found = options.violations(refusal.value, Outer, "given")
    return {violation.field: violation.description for violation in found}


def nest(levels, form):
    opening, closing = form.split()
    return json.loads(opening * levels + "1" + closing * levels)


@pytest.mark.parametrize("form", ["[ ]", '{"a": }'])
@pytest.mark.parametrize("levels", [options.MAX_DEPTH + 1, 900])
def test_what_is_nested_too_deep_is_refused_by_its_field(form, levels):
    words = f"is nested more than {options.MAX_DEPTH} levels deep"
    assert find_faults({"unknown": nest(levels, form)}) == {"given.unknown": words}
    assert find_faults({"inner": {"count": nest(levels, form)}}) == {"given.inner": words}


@pytest.mark.parametrize("form", ["[ ]", '{"a": }'])
def test_what_is_nested_less_is_taken(form):
    deep = nest(options.MAX_DEPTH - 1, form)
    assert Outer.model_validate({"inner": {"anything": deep}}).inner.anything == deep
