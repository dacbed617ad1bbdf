"""The figures say what the data says, and leave the reader's settings alone."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minitorch import canvas, plots
from minitorch.plots import STYLES, Series, curves, digits, methods, table, tiles

X = [10, 100, 1000]
OURS = Series("subspace", X, [[0.2, 0.6, 0.9], [0.3, 0.5, 0.91], [0.25, 0.55, 0.92]])
PAPER = Series("paper", X, [0.18, 0.59, 0.91])
WORDS = {
    "title": "It rises",
    "xlabel": "d",
    "ylabel": "accuracy",
    "note": "quick scale",
}


def pixels(picture):
    """The picture as numbers (H, W, 3), 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def ink(picture, colour):
    """How many pixels have this colour."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels(picture) - rgb).max(-1) < 12).sum())


def contrast(colour):
    """Contrast of a colour with white (WCAG 2.2, relative luminance)."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


def make_each():
    image = np.linspace(-1, 2, 3 * 16).reshape(3, 4, 4)
    return {
        "curves": curves([OURS, PAPER], hlines=[(0.8, "90 %")], **WORDS),
        "methods": methods(["direct", "mine"], [[0.9, 0.8], [0.7]], title="A & B",
                           xlabel="accuracy", note="n"),
        "tiles": tiles(image, title="T", note="n"),
        "digits": digits(image, labels=[1, 2, 3], predicted=[1, 2, 8], title="D",
                         note="n"),
    }  # fmt: skip


def test_every_figure_is_a_card_with_its_finding_note_and_alt():
    for kind, picture in make_each().items():
        page = picture._repr_html_()
        assert picture.alt.startswith(picture.title), kind
        assert f'alt="{picture.alt.replace("&", "&amp;")}"' in page, kind
        assert picture.title.replace("&", "&amp;") in page
        assert picture.note in page
        assert 'class="course-figure"' in page
        assert "background:#fff" in page  # an opaque light card on a dark page
        assert pixels(picture)[0, 0].tolist() == [255, 255, 255]
        assert pixels(picture).shape[1] == 864
        assert repr(picture) == picture.title


def test_the_same_data_gives_the_same_bytes():
    first, second = make_each(), make_each()
    assert all(first[k].png == second[k].png for k in first)


def test_markup_in_a_title_is_text():
    words = WORDS | {"title": 'd < D & "more"', "note": "<b>"}
    page = curves([OURS], **words)._repr_html_()
    assert "<b>" not in page
    assert "d &lt; D &amp; &quot;more&quot;" in page


def test_alt_text_follows_the_data():
    alt = curves([OURS, PAPER], vlines=[(750, "d90")], **WORDS).alt
    assert "random subspace, mean of 3 seeds: 0.25 at 10 to 0.91 at 1,000." in alt
    assert "published: 0.18 at 10" in alt
    assert "d (10 to 1,000, logarithmic)" in alt
    assert "Vertical line at 750: d90." in alt
    other = Series("subspace", X, 1 - np.asarray(OURS.y))
    assert "0.75 at 10 to 0.09 at 1,000" in curves([other], **WORDS).alt


def test_a_count_has_no_ticks_between_its_numbers():
    with canvas.figure(3.3) as (_, ax):
        ax.set_xlim(1, 19)
        canvas.whole_ticks(ax)
        ticks = ax.get_xticks()
    assert len(ticks) > 3 and (ticks == ticks.round()).all()


def test_numbers_of_a_logarithmic_axis_keep_apart():
    def shown(low, high):
        with canvas.figure(3.3) as (_, ax):
            canvas.log_ticks(ax, low, high)
            ax.set_xlim(low, high)
            return [round(t) for t in ax.get_xticks() if low <= t <= high]

    assert shown(1, 100) == [1, 2, 5, 10, 20, 50, 100]
    assert shown(1, 1_000) == [1, 3, 10, 30, 100, 300, 1_000]  # 500 and 1,000 touch
    # Beyond the largest number there is a margin, where 300,000 would touch 100,000.
    assert shown(512, 269_834) == [1_000, 10_000, 100_000]


def test_points_are_joined_in_the_order_of_x():
    turned = Series("subspace", X[::-1], np.asarray(OURS.y)[:, ::-1])
    assert curves([turned], **WORDS).png == curves([OURS], **WORDS).png


def test_a_single_point_has_a_bar():
    colour = STYLES["subspace"].colour
    several = curves([Series("subspace", [10], [[0.4], [0.5], [0.6]])], **WORDS)
    alone = curves([Series("subspace", [10], [[0.5]])], **WORDS)
    assert ink(several, colour) > ink(alone, colour) + 500
    assert "mean of 3 seeds: 0.5 at 10." in several.alt


def test_a_band_is_drawn_for_seeds_only():
    colour = STYLES["subspace"].colour
    one = curves([Series("subspace", X, [[0.2, 0.6, 0.9]])], **WORDS)
    several = curves([OURS], **WORDS)
    assert ink(one, colour) > 1000
    pale = np.abs(pixels(several) - [214, 232, 243]).max(-1) < 6  # 16 % of the blue
    assert pale.sum() > 3000
    assert (np.abs(pixels(one) - [214, 232, 243]).max(-1) < 6).sum() < 300


def test_a_band_of_shares_ends_at_1(monkeypatch):
    """No network reads more than all; what is no share keeps its whole interval."""
    from matplotlib.axes import Axes

    drawn = []
    fill = Axes.fill_between
    monkeypatch.setattr(
        Axes,
        "fill_between",
        lambda self, x, low, high, **how: (
            drawn.append((min(low), max(high))),
            fill(self, x, low, high, **how),
        )[1],
    )
    shares = np.array([[0.02, 0.99], [0.3, 0.8]])
    for y in (shares, shares + 0.5):
        curves([Series("subspace", [1, 10], y)], **WORDS)
    (low, high), (below, above) = drawn
    assert (low, high) == (0, 1)
    assert below < 0.02 + 0.5 and above > 1.4


def test_labels_of_lines_keep_off_the_data(monkeypatch):
    """The curve runs along the top left: the label of y = 0.9 goes elsewhere."""
    from minitorch import canvas

    placed = {}
    draw = canvas.label_lines

    def spy(fig, ax, *args):
        draw(fig, ax, *args)
        labels = [t for t in ax.texts if t.get_visible()]
        placed.update({t.get_text(): t.get_horizontalalignment() for t in labels})
        assert len(labels) == 1

    monkeypatch.setattr(canvas, "label_lines", spy)
    falling = Series("direct", X, [[0.92, 0.5, 0.1]])
    curves([falling], hlines=[(0.9, "high")], **WORDS)
    rising = Series("direct", X, [[0.1, 0.5, 0.92]])
    curves([rising], hlines=[(0.89, "up")], **WORDS)
    assert placed == {"high": "right", "up": "left"}


def test_points_that_are_not_joined_are_a_scatter_plot():
    cloud = Series("new_task", [0.1, 0.2, 0.3], [[0.5, 0.9, 0.1], [0.4, 0.8, 0.2]])
    words = {"title": "t", "xlabel": "x", "ylabel": "y", "note": "", "xlog": False}
    picture = curves([cloud], joined=False, **words)
    assert "Scatter plot of y against x" in picture.alt
    assert "new task, 6 points" in picture.alt
    joined = curves([cloud], **words)
    assert ink(picture, STYLES["new_task"].colour) < ink(
        joined, STYLES["new_task"].colour
    )


def test_methods_wear_their_colours():
    picture = methods(["direct", "hypernet"], [[0.9], [0.8]], title="t", xlabel="x",
                      note="")  # fmt: skip
    for key in ("direct", "hypernet"):
        assert STYLES[key].label in picture.alt
        assert ink(picture, STYLES[key].colour) > 50
    assert ink(picture, STYLES["bn_only"].colour) == 0


def test_methods_keep_their_words_under_another_key():
    picture = methods(
        ["sines", "ReLUs"],
        [[0.9, 0.8], [0.7]],
        keys=["cppn", "random_layer"],
        title="",
        xlabel="",
        note="",
    )
    assert "sines" in picture.alt and STYLES["cppn"].label not in picture.alt
    assert min(ink(picture, STYLES[k].colour) for k in ("cppn", "random_layer")) > 50


def test_tiles_centre_the_colours_at_zero():
    """-1 and +1 look alike in strength although the data reaches up to 2."""
    image = np.array([[[-1.0, 1.0], [0.0, 2.0]]])
    drawn = pixels(tiles(image, title="t", note="", columns=1))
    size = drawn.shape[1] // 5
    left, right = drawn[size // 4, size // 3], drawn[size // 4, size - size // 3]
    zero = drawn[size - size // 3, size // 3]
    assert left[2] > left[0] + 50  # blue
    assert right[0] > right[2] + 50  # red
    assert np.ptp(zero) < 8 and zero.min() > 235  # nearly white
    assert abs(left.min() - right.min()) < 30


def test_digits_name_the_mistakes():
    picture = make_each()["digits"]
    assert "3 digits, 2 read correctly. Number 3 is a 3, read as 8." in picture.alt
    assert ink(picture, "#b3400a") > 20
    right = digits(np.eye(4)[None], labels=[1], predicted=[1], title="t", note="")
    assert ink(right, "#b3400a") == 0


@pytest.mark.parametrize("shape", [(2, 16), (2, 4, 4), (2, 1, 4, 4)])
def test_images_come_in_three_shapes(shape):
    image = np.arange(32.0).reshape(shape)
    expected = tiles(np.arange(32.0).reshape(2, 4, 4), title="t", note="")
    assert tiles(image, title="t", note="").png == expected.png


def test_a_tables_caption_stands_outside_what_scrolls():
    """Inside, it would be cut off on a phone with the columns."""
    html = table(["a"], [[1]], caption="A long caption")._repr_html_()
    before, scrolls = html.split("overflow-x:auto")
    assert ">A long caption</div>" in before
    assert "<table" in scrolls and "A long caption" not in scrolls


def test_table_is_read_by_ear_and_scrolls():
    shown = table(["name", "d < D"], [["a&b", 199210], ["c", 0.12345]], caption="Costs")
    page = shown._repr_html_()
    assert page.count('scope="col"') == 2 and page.count('scope="row"') == 2
    assert "overflow-x:auto" in page and 'tabindex="0"' in page
    assert "199,210" in page and "0.123" in page
    assert "a&amp;b" in page and "d &lt; D" in page
    lines = repr(shown).splitlines()
    assert lines[0] == "Costs"
    assert {len(line) for line in lines[1:]} == {len("name  " + "199,210")}


@pytest.mark.parametrize(
    ("values", "texts", "right"),
    [
        ([0.9, 0.894, 1.0], ["0.900", "0.894", "1.000"], True),
        ([271.3, 1.46], ["271", "1.46"], True),
        ([199210, np.int64(7)], ["199,210", "7"], True),
        (["97.6 %", "5.0%"], ["97.6 %", "5.0%"], True),
        ([0.5, "sparse"], ["0.500", "sparse"], False),
        ([0.0, 0.25], ["0", "0.25"], True),
    ],
)
def test_columns_line_up(values, texts, right):
    shown = table(["c"], [[v] for v in values], caption="")
    assert [row[0] for row in shown.rows] == texts
    assert shown.numeric == (right,)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Series("subspce", X, X), "no style 'subspce'"),
        (lambda: Series("subspace", X, [1, 2]), r"x \(3,\) and y \(2,\)"),
        (lambda: Series("subspace", X, [1, 2, np.nan]), "not finite"),
        (lambda: curves([], **WORDS), "at least one Series"),
        (lambda: curves([Series("dense", [0, 1], [1, 2])], **WORDS), "xlog=False"),
        (lambda: methods(["a"], [[1], [2]], title="", xlabel="", note=""), "1 names"),
        (
            lambda: methods(["a"], [[1]], keys=["b"], title="", xlabel="", note=""),
            r"keys \['b'\] for 1 names",
        ),
        (lambda: tiles(np.zeros((2, 5)), title="", note=""), r"shape \(2, 5\)"),
        (lambda: digits(np.zeros((2, 4)), labels=[1], title="", note=""), "1 labels"),
        (
            lambda: digits(np.zeros((1, 4)), predicted=[1], title="", note=""),
            "without labels",
        ),
        (lambda: table(["a", "b"], [[1]], caption=""), "wanted 2 cells"),
    ],
)
def test_mistakes_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_styles_differ_and_stand_out_from_white():
    assert len({(s.colour, s.marker) for s in STYLES.values()}) == len(STYLES)
    assert min(contrast(s.colour) for s in STYLES.values()) >= 3
    assert all(re.fullmatch("#[0-9A-F]{6}", s.colour) for s in STYLES.values())


# As a reader without red (and without green) cones sees linear RGB: Machado, Oliveira,
# Fernandes (2009), severity 1.
BLIND = {
    "red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
TOGETHER = [
    ["direct", "hypernet", "frozen_generator", "subspace", "cppn", "random_layer"],
    ["direct", "hypernet", "frozen_generator", "hyper_subspace", "frozen_subspace"]
    + ["cppn", "subspace", "control"],
    ["direct", "hypernet", "small_start", "he_start"],
    ["lstm", "lstm_norm", "hyper_lstm"],
    ["lottery", "all_layers"],
    ["search_one_shot", "search_halving", "search_exhaustive", "nearest_picture"]
    + ["shuffled_mask", "other_weights"],
    ["search_one_shot", "search_halving", "search_exhaustive", "nearest_picture"]
    + ["chance"],
    ["search_one_shot", "search_halving", "search_exhaustive", "calibration_error"],
    ["search_one_shot", "search_halving", "search_exhaustive", "supermask"],
    ["objective_entropy", "objective_g", "objective_ten"],
    ["in_sequence", "supermask", "direct", "first_task"],
    ["in_sequence", "supermask", "direct", "shuffled_mask"],
    ["supermask", "batch_statistics", "shared_statistics", "shared_shallow"],
    ["supermask", "new_task"],
    ["first_task", "new_task"],
    ["supermask", "storkey", "hebb", "objective_entropy"],
    ["hebb", "storkey", "hebb_few", "storkey_few"],
    ["laperm", "direct", "arranged_once"],
    ["laperm", "laperm_slow", "laperm_pace"],
    ["laperm", "straight_through", "direct"],
    ["laperm", "signed_constant", "normal_values", "even_values", "one_value"],
    ["laperm", "one_value", "one_value_small", "one_value_straight"],
    ["bn_only", "norm_gamma", "norm_beta", "two_weights", "output_layer"]
    + ["norms_output", "direct"],
    ["bn_only", "norms_output", "direct", "first_norm", "last_norm"],
    ["bn_only", "norms_output", "norms_wider", "norms_output_wider"],
    ["bn_only", "norms_wider", "first_norm"],
    ["bn_only", "undecayed", "half_decayed", "paper"],
    ["bn_only", "ones_start", "normal_values", "direct"],
    ["bn_only", "silenced", "control"],
    ["bn_only", "norms_anew", "norms_output", "norms_output_anew"],
    ["bn_only", "norms_output", "subspace", "direct", "lottery", "control"],
    ["bn_only", "norms_subspace", "subspace"],
]


def seen(colour, cones):
    """A colour as CIELAB, (3,), for a reader without these cones."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(BLIND.get(cones, np.eye(3))) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
              [0.0193, 0.1192, 0.9505]]  # fmt: skip
    x, y, z = np.cbrt(to_xyz @ linear / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("cones", ["red", "green", "all are there"])
@pytest.mark.parametrize("keys", TOGETHER)
def test_methods_of_one_figure_stay_apart_without_red_or_green(keys, cones):
    """18 of CIELAB's steps are eight times what can just be told apart."""
    colours = [seen(STYLES[key].colour, cones) for key in keys]
    for i, one in enumerate(colours):
        others = np.array(colours[:i]).reshape(-1, 3)
        assert (np.linalg.norm(others - one, axis=1) > 18).all()


def test_import_is_light_and_settings_survive():
    code = """
import sys
from minitorch import plots
assert "matplotlib" not in sys.modules
import matplotlib
matplotlib.rcParams["axes.facecolor"] = "#123456"
before = matplotlib.rcParams.copy()
s = plots.Series("subspace", [1, 10], [[1, 2], [2, 3]])
png = plots.curves([s], title="t", xlabel="x", ylabel="y", note="").png
assert matplotlib.rcParams.copy() == before
assert "matplotlib.pyplot" not in sys.modules
matplotlib.rcdefaults()
assert png == plots.curves([s], title="t", xlabel="x", ylabel="y", note="").png
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_names_exist():
    assert all(hasattr(plots, name) for name in plots.__all__)
