"""Small charts as SVG inside a page: pygal draws the shapes, the page's own style sheet gives the colours.

The page allows no inline code or style, so pygal's are taken out, and what it would show by script when a bar
is pointed at becomes the title that every browser shows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date

import pygal
from lxml import etree
from markupsafe import Markup

# pygal hooks itself into every import of the process, for plugins that we have none of, in a way that Python
# warns of (3.11) or passes over (3.12): the hook goes.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

WIDTH, HEIGHT = 320, 110
_SVG = "{http://www.w3.org/2000/svg}"
Format = Callable[[float], str]


def bars(
    title: str, days: Sequence[date], values: Sequence[float | None], shown: Format, side: Format
) -> Markup:
    """One bar for each day; None is a day without any. `title` is what a screen reader says of it, `shown`
    how a value reads, `side` the greatest one beside the axis.
    """
    highest = max((value for value in values if value), default=0.0)
    chart = pygal.Bar(
        width=WIDTH,
        height=HEIGHT,
        show_legend=False,
        show_y_guides=False,
        show_minor_x_labels=False,
        margin_top=10,
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
    return _inline(chart.render_tree(), title)


def _inline(svg: etree._Element, title: str) -> Markup:
    etree.strip_elements(svg, etree.Comment, f"{_SVG}defs", f"{_SVG}style", f"{_SVG}script", with_tail=False)
    etree.strip_elements(svg, "defs", "style", "script", with_tail=False)
    for overlay in svg.xpath("//*[local-name()='g'][contains(@class, 'overlay')]"):
        overlay.getparent().remove(overlay)
    for bar in svg.xpath("//*[local-name()='g'][@class='bar']"):
        _point_at(bar)
    svg.attrib.pop("id", None)
    svg.set("role", "img")
    svg.set("aria-label", title)
    for heading in svg.xpath("./*[local-name()='title']"):
        svg.remove(heading)
    return Markup(etree.tostring(svg, encoding="unicode"))  # noqa: S704 - lxml has escaped what it holds


def _point_at(bar: etree._Element) -> None:
    said = [note.text for note in bar if note.get("class") == "label"]
    for note in bar.xpath("./*[local-name()='desc']"):
        bar.remove(note)
    title = etree.SubElement(bar, "title")
    title.text = said[0] if said else ""
