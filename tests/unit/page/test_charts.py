"""Charts inside a page: their values, and no code or style of their own."""

from __future__ import annotations

from datetime import date, timedelta

from lxml import etree

from include.page.charts import draw_bars
from include.values.wording import age, duration, number, percent, short

DAYS = [date(2026, 11, 1) + timedelta(days=n) for n in range(5)]


def chart(values: list[float | None], title: str = "Sent") -> etree._Element:
    return etree.fromstring(draw_bars(title, DAYS, values, number, short))


def test_bars__one_per_day_with_a_value_and_a_title() -> None:
    svg = chart([1, None, 2_000, 0, 3])
    titles = svg.xpath("//*[local-name()='g'][@class='bar']/*[local-name()='title']/text()")
    assert titles == ["1 Nov: 1", "3 Nov: 2,000", "5 Nov: 3"]
    texts = svg.xpath("//*[local-name()='text']/text()")
    assert texts == ["2k", "1 Nov", "5 Nov"]


def test_bars__failed_days_have_a_mark_above_their_bar() -> None:
    svg = etree.fromstring(
        draw_bars("Sent", DAYS, [1, 2, None, 4, 5], number, short, failed={DAYS[2], DAYS[4]})
    )
    marks = svg.xpath("//*[local-name()='text'][@class='failed']")
    assert [mark[0].text for mark in marks] == ["3 Nov: a run failed", "5 Nov: a run failed"]
    assert [mark[0].tail for mark in marks] == ["✕", "✕"]
    rect = svg.xpath("//*[local-name()='g'][@class='bar']/*[local-name()='rect']")[-1]
    middle = float(rect.get("x")) + float(rect.get("width")) / 2
    assert abs(float(marks[-1].get("x")) - middle) < 1


def test_bars__without_values_are_an_empty_chart() -> None:
    assert chart([None] * 5).xpath("count(//*[local-name()='g'][@class='bar'])") == 0


def test_bars__contain_no_code_no_style_and_no_address() -> None:
    text = str(draw_bars("<script>alert(1)</script>\"'", DAYS, [1, 2, 3, 4, 5], number, short))
    assert "<script" not in text
    assert "<style" not in text
    assert "style=" not in text
    assert "onmouse" not in text
    assert not [word for word in text.split('"') if word.startswith("http") and "w3.org" not in word]


def test_formats__round_to_the_largest_unit() -> None:
    assert [duration(s) for s in (0.42, 8.84, 59, 150, 9_000, 400_000)] == [
        "0.42 s",
        "8.8 s",
        "59 s",
        "2 min",
        "2 h",
        "5 d",
    ]
    assert [short(n) for n in (7, 12_345, 3_400_000)] == ["7", "12.3k", "3.4M"]
    assert (percent(7.461), age(timedelta(seconds=3)), age(timedelta(hours=5))) == (
        "7.46 %",
        "just now",
        "5 h ago",
    )
