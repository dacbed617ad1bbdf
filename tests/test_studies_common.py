"""The common row: which messages are shown, and what is refused."""

import numpy as np
import pytest

from minitorch.studies import common, subspaces


def coded(bits, *decoded):
    return common.Coded("direct", "a name", np.array(bits), np.array(decoded), 1.0)


def test_the_best_message_is_the_shortest_within_one_point():
    each = coded([800, 100, 400, 200], [0.9, 0.5, 0.895, 0.8], [0.92, 0.5, 0.91, 0.8])
    assert each.best == 2
    assert coded([100, 100], [0.9, 0.905]).best == 0


def test_the_front_leaves_out_what_a_shorter_message_beats():
    each = coded([300, 100, 200, 100, 400], [0.6, 0.4, 0.7, 0.5, 0.9])
    assert list(each.front) == [3, 2, 4]


def test_lists_by_keep_and_bits_are_read_as_one(monkeypatch):
    rows = [
        {
            "result": {"bytes": [[1, 2], [3, 4]], "decoded": [[0.1, 0.2], [0.3, 0.4]]},
            "provenance": {"seconds": 2.0},
        }
    ] * 2
    monkeypatch.setattr(type(subspaces.STUDY), "stored", lambda *_, **__: rows)
    found = common.read([common.subspace(200)])["subspace, d = 200"]
    assert found.bits.tolist() == [8, 16, 24, 32]
    assert found.decoded.shape == (2, 4) and found.seconds == 2.0


def test_a_case_without_rows_is_named():
    empty = common.Case("direct", "x", subspaces.STUDY, {"net": "none"})
    with pytest.raises(ValueError, match="subspaces has no committed rows of"):
        common.read([empty])


def test_every_table_has_the_same_controls():
    names = [line[0] for line in common.rows([common.subspace(200)]).rows]
    assert names[0] == "subspace, d = 200"
    assert names[-len(common.CONTROLS) :] == [each.name for each in common.CONTROLS]
