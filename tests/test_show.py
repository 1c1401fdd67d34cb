"""Numbers for the prose, and the drawing verbs."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from darkpairs import planes, show


@pytest.mark.parametrize(("value", "layout", "text"), [
    (560.6, ".1f", "560.6"),
    (-1.45, ".1f", "−1.4"),
    (7.376e-10, ".2e", "7.38×10⁻¹⁰"),
    (5.07e11, ".2e", "5.07×10¹¹"),
    (-2.0, ".1e", "−2.0×10⁰"),
])
def test_number_shows_its_text_and_keeps_its_value(value, layout, text):
    bundle = show.number(np.float64(value), layout)._repr_mimebundle_()
    assert bundle["text/plain"] == text
    assert bundle["application/vnd.darkpairs.number+json"] == {"value": value}


def test_a_number_has_to_be_finite():
    with pytest.raises(ValueError, match="cannot glue nan"):
        show.number(float("nan"))


def test_band_and_points_draw_what_they_were_given():
    axes = Figure().subplots()
    edges, middle, error = [0.0, 1.0, 3.0], [2.0, 4.0], [0.5, 1.0]
    show.band(axes, edges, middle, error, label="band")
    line, area = axes.patches
    assert line.get_data().values.tolist() == middle
    assert area.get_data().values.tolist() == [2.5, 5.0]
    assert area.get_data().baseline.tolist() == [1.5, 3.0]
    show.points(axes, edges, [1.0, 2.0], [0.1, 0.2])
    assert axes.containers[0].lines[0].get_xdata().tolist() == [0.5, 2.0]
    assert axes.containers[0].lines[0].get_ydata().tolist() == [1.0, 2.0]


def test_matrix_is_centred_on_white_and_names_its_blocks():
    axes = Figure().subplots()
    show.matrix(axes, np.eye(5), breaks=[3], names=["a", "b"], label="correlation")
    image = axes.images[0]
    assert image.get_clim() == (-1, 1)
    assert np.allclose(image.cmap(0.5)[:3], 1, atol=0.01)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert axes.get_xticks().tolist() == [1.0, 3.5]


def test_style_sets_readable_letters_and_safe_colours():
    with mpl.rc_context():
        show.style()
        assert mpl.rcParams["font.size"] >= 11
        colours = mpl.rcParams["axes.prop_cycle"].by_key()
    assert len(set(colours["color"])) == len(set(map(str, colours["linestyle"]))) == 6


def test_regions_lie_in_each_other_where_delta_is_small():
    axes = Figure().subplots()
    plane = planes.broad(0.5, 100.0, masses=np.geomspace(100, 400, 21),
                         squares=np.geomspace(1e-8, 1e-6, 41))
    away = np.log(plane.masses[:, None] / 200) ** 2 + np.log(plane.squares / 1e-7) ** 2
    show.regions(axes, plane, away, levels=(0.1, 0.4), label="here")
    outer, inner = (each.get_paths()[0].get_extents() for each in axes.collections)
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_legend_handles_labels()[1] == ["here"]
    for box, level in ((outer, 0.4), (inner, 0.1)):
        reach = np.exp([[-level**0.5], [level**0.5]])
        assert np.allclose(np.array([[box.x0, box.x1]]).T, 200 * reach, rtol=0.03)
        assert np.allclose(np.array([[box.y0, box.y1]]).T, 1e-7 * reach, rtol=0.05)


def test_regions_refuse_another_grid():
    plane = planes.broad(0.5, 100.0, masses=[100.0], squares=[1e-8, 1e-7])
    with pytest.raises(ValueError, match=r"delta of shape \(2, 1\); wanted one number"):
        show.regions(Figure().subplots(), plane, np.zeros((2, 1)))
