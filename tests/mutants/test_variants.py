from __future__ import annotations

import ast
from pathlib import Path

import pytest

import smtpnb
from tests.mutants.variants import VARIANTS, Variant

HOUSE = Path(smtpnb.__file__).parent


def _name(variant: Variant) -> str:
    return variant.name


# `make mutants` runs the tests against each; here: that there is still such a variant.
@pytest.mark.parametrize("variant", VARIANTS, ids=_name)
def test_a_variant_still_breaks_what_it_names(variant: Variant) -> None:
    source = (HOUSE / variant.file).read_text()
    assert source.count(variant.was) == 1
    ast.parse(source.replace(variant.was, variant.becomes))


def test_no_two_variants_are_the_same() -> None:
    assert len({(v.file, v.was, v.becomes) for v in VARIANTS}) == len(VARIANTS)
