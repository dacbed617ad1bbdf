"""What holds of the committed rows of every study."""

from minitorch.studies.store import key, read_rows, results_folder
from minitorch.studies.study import Study


def whole(study: Study, current: bool = True) -> None:
    """Every cell of the book grid has five seeds, once, of a clean tree.

    `current`: and of the code that stands here now.
    """
    assert study.missing("book", 5) == []
    rows = read_rows(study.path(results_folder()))
    done = {key(row["settings"], row["seed"]) for row in rows}
    assert len(done) == len(rows), "a run stands there twice"
    assert all(row["provenance"]["commit"] for row in rows)
    assert all(row["provenance"]["clean"] for row in rows)
    assert not current or study.stale(rows) == []
