"""The curves of a run: resumed parts are one, and every row is seen."""

import numpy as np
import pytest
from PIL import Image

from molflow.training.curves import draw_run, read_logs


def test_logs_of_resumed_parts_come_in_order_without_blanks(tmp_path):
    for part, text in (
        ("0", "step,loss,x\n1,2.5,\n"),
        ("2", "step,loss\n3,0.5\n"),
        ("10", "step\n9\n"),
    ):
        (tmp_path / "logs" / part).mkdir(parents=True)
        (tmp_path / "logs" / part / "metrics.csv").write_text(text)
    assert read_logs(tmp_path) == [{"step": 1, "loss": 2.5}, {"step": 3, "loss": 0.5}, {"step": 9}]


@pytest.mark.parametrize("torn", ["3,0.", "3", "3,0.5,1"])
def test_a_row_that_a_killed_run_did_not_finish_is_no_row(tmp_path, torn):
    (tmp_path / "logs" / "0").mkdir(parents=True)
    (tmp_path / "logs" / "0" / "metrics.csv").write_text(f"step,loss\n1,2.5\n{torn}")
    assert read_logs(tmp_path) == [{"step": 1, "loss": 2.5}]


def test_a_head_that_a_killed_run_did_not_finish_has_no_rows(tmp_path):
    (tmp_path / "logs" / "0").mkdir(parents=True)
    (tmp_path / "logs" / "0" / "metrics.csv").write_text("step,lo")
    assert read_logs(tmp_path) == []


def test_steps_that_were_taken_again_after_a_crash_are_drawn_once(tmp_path):
    for part, text in (("0", "step,loss\n0,3\n20,2\n40,1\n"), ("1", "step,loss\n20,2.5\n")):
        (tmp_path / "logs" / part).mkdir(parents=True)
        (tmp_path / "logs" / part / "metrics.csv").write_text(text)
    assert read_logs(tmp_path) == [{"step": 0, "loss": 3}, {"step": 20, "loss": 2.5}]


@pytest.mark.parametrize(
    ("rows", "width"),
    [
        ([], 600),
        ([{"step": 1, "train/loss": 2.0}], 600),
        ([{"step": 1, "valid/loss": 2.0, "trial/novel": 0.5}], 1200),
        ([{"step": 1, "trial/words_in_vocabulary_1": 0.5, "trial/entropy": 4.0}], 1200),
    ],
    ids=["nothing", "no trials", "molecules", "texts"],
)
def test_a_run_is_drawn_from_the_first_row_on_with_a_panel_for_its_trials(tmp_path, rows, width):
    draw_run(rows, tmp_path / "loss.png")
    assert Image.open(tmp_path / "loss.png").size == (width, 480)


def test_a_single_row_is_a_point_that_can_be_seen(tmp_path):
    def dark(rows: list[dict[str, float]]) -> int:
        """Pixels of the first colour of lines and points."""
        draw_run(rows, tmp_path / "loss.png")
        pixels = np.asarray(Image.open(tmp_path / "loss.png").convert("RGB")).astype(int)
        return int((abs(pixels - [31, 119, 180]).sum(-1) < 30).sum())

    assert dark([{"step": 0.0, "train/loss": 1.0}]) > dark([]) == 0


def test_a_run_without_rows_says_so_in_its_picture(tmp_path):
    draw_run([], tmp_path / "loss.png")
    empty = np.asarray(Image.open(tmp_path / "loss.png").convert("L"))
    height, width = empty.shape
    assert empty[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3].min() < 100
