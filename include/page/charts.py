"""Small charts as SVG inside a page: pygal draws the shapes, the page's style sheet sets the colours.

The page allows no inline code or style, so this module removes pygal's. pygal shows the value of a bar by
script; here the value is the bar's title, which every browser shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from datetime import date

import pygal
from lxml import etree
from markupsafe import Markup

# pygal adds a hook for its plugins to every import of the process. Python warns about the hook (3.11) or
# ignores it (3.12), and we use no plugins: remove it.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

WIDTH, HEIGHT = 264, 110
"""In CSS pixels. The style sheet never shows a chart smaller, so its text keeps its size."""
FAILED_MARK = "✕"
_SVG = "{http://www.w3.org/2000/svg}"
_AXIS_TEXTS = "//*[local-name()='g'][contains(@class, 'axis x')]//*[local-name()='text']"
Format = Callable[[float], str]


def draw_bars(
    title: str,
    days: Sequence[date],
    values: Sequence[float | None],
    shown: Format,
    side: Format,
    *,
    failed: Collection[date] = (),
) -> Markup:
    """Draw one bar per day; None draws no bar. The `failed` days have a mark above.

    `title` is the text for screen readers, `shown` formats a value, `side` the greatest value at the axis.
    """
    highest = max((value for value in values if value), default=0.0)
    chart = pygal.Bar(
        width=WIDTH,
        height=HEIGHT,
        show_legend=False,
        show_y_guides=False,
        show_minor_x_labels=False,
        margin_top=14,
        margin_left=14,
        margin_right=16,
        margin_bottom=4,
        spacing=2,
        range=(0, highest or 1),
        disable_xml_declaration=True,
        no_prefix=True,
        css=[],
        js=[],
        truncate_label=-1,
        y_labels=[{"value": highest, "label": side(highest)}],
    )
    chart.x_labels = [f"{day.day} {day:%b}" for day in days]
    chart.x_labels_major = [chart.x_labels[0], chart.x_labels[-1]]
    chart.add(
        title,
        [
            value and {"value": value, "label": f"{label}: {shown(value)}"}
            for label, value in zip(chart.x_labels, values, strict=True)
        ],
    )
    svg = _clean(chart.render_tree(), title)
    for place, day in enumerate(days):
        if day in failed:
            _mark_failed(svg, place / max(len(days) - 1, 1), f"{chart.x_labels[place]}: a run failed")
    return Markup(etree.tostring(svg, encoding="unicode"))  # noqa: S704 - lxml has escaped all texts


def _mark_failed(svg: etree._Element, share: float, title: str) -> None:
    """Write the mark above the bar at this share of the way from the first label to the last one."""
    plot = svg.xpath("//*[local-name()='g'][@class='plot']")[0]
    first, *_, last = (float(text.get("x")) for text in svg.xpath(_AXIS_TEXTS))
    place = {"x": f"{first + share * (last - first):.1f}", "y": "-2"}
    mark = etree.SubElement(plot, f"{_SVG}text", {"class": "failed", **place})
    etree.SubElement(mark, f"{_SVG}title").text = title
    mark[0].tail = FAILED_MARK


def _clean(svg: etree._Element, title: str) -> etree._Element:
    """Remove what the page's policy forbids, and add the texts for screen readers."""
    etree.strip_elements(svg, etree.Comment, f"{_SVG}defs", f"{_SVG}style", f"{_SVG}script", with_tail=False)
    etree.strip_elements(svg, "defs", "style", "script", with_tail=False)
    for overlay in svg.xpath("//*[local-name()='g'][contains(@class, 'overlay')]"):
        overlay.getparent().remove(overlay)
    for bar in svg.xpath("//*[local-name()='g'][@class='bar']"):
        _add_title(bar)
    svg.attrib.pop("id", None)
    svg.set("role", "img")
    svg.set("aria-label", title)
    for heading in svg.xpath("./*[local-name()='title']"):
        svg.remove(heading)
    return svg


def _add_title(bar: etree._Element) -> None:
    labels = [note.text for note in bar if note.get("class") == "label"]
    for note in bar.xpath("./*[local-name()='desc']"):
        bar.remove(note)
    title = etree.SubElement(bar, "title")
    title.text = labels[0] if labels else ""
