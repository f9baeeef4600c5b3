"""The table of metrics: every number has one definition, and MOSES's keys are MOSES's."""

import pytest

from molflow.metrics.suites import METRICS, SUITES


def test_the_moses_suite_has_the_keys_of_moses():
    # get_all_metrics of molsets 0.3.1, which writes unique@{k} for k = 1,000 and 10,000.
    against = [f"{name}/{split}" for split in ("Test", "TestSF") for name in MOSES_AGAINST]
    others = ["IntDiv", "IntDiv2", "Filters", "logP", "SA", "QED", "weight", "Novelty"]
    expected = ["valid", "unique@1000", "unique@10000", *against, *others]
    assert list(SUITES["moses"]) == expected


MOSES_AGAINST = ("FCD", "SNN", "Frag", "Scaf")


def test_the_full_suite_holds_all_others_and_nspdk():
    keys = set(METRICS)
    for suite in ("standard", "moses", "guacamol"):
        assert set(SUITES[suite]) < keys
    assert "nspdk" in keys


def test_no_key_is_in_two_suites():
    parts = [key for name in ("standard", "moses", "guacamol") for key in SUITES[name]]
    assert len(parts) == len(set(parts))


@pytest.mark.parametrize("key", METRICS)
def test_a_definition_is_one_line(key):
    doc = METRICS[key].doc
    assert doc
    assert "\n" not in doc
    assert METRICS[key].better in ("high", "low", "")


@pytest.mark.parametrize("key", [key for key, metric in METRICS.items() if metric.share])
def test_a_share_states_its_denominator(key):
    words = ("/", "of", "among")
    assert any(f" {word} " in METRICS[key].doc for word in words)
