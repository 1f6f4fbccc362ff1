"""Texts, a column at a time: tidy, and out of HTML."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from include.values.characters import CONTROL, SPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNTIDY = r"[^\x{21}-\x{7e}\x{a1}-\x{17f} ]|^ | $|  "
_NOT_PLAIN_LATIN = r"[^\x{20}-\x{7e}\x{a0}-\x{17f}]"

_BLOCK = re.compile(
    r"<(?=/?(?:address|article|aside|blockquote|br|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]"
    r"|header|hr|li|main|nav|ol|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul)\b)",
    re.IGNORECASE,
)
# in a text that was decoded once: a whole tag that HTML knows, not what only looks like one ("a <b and c>d")
_NAMES = (
    "a|abbr|address|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup|dd|del"
    "|details|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe"
    "|img|input|ins|label|li|link|main|mark|meta|nav|noscript|object|ol|option|p|picture|pre|s|script|section"
    "|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot"
    "|th|thead|title|tr|u|ul|video"
)
_TAG = rf"(?:/?(?:{_NAMES})\s*/?>|(?:{_NAMES})\s[^<>=]*=[^<>]*>|!--)"
_ENTITY = r"(?:[a-z][a-z0-9]{1,31}|#\d{1,7}|#x[0-9a-f]{1,6});"
_STILL_MARKED = re.compile(rf"[&<](?i:(?<=&){_ENTITY}|(?<=<){_TAG})")
_LONE = re.compile(rf"<(?i:(?!{_TAG}))")
_MOST_DECODINGS = 3
_TIDY = re.compile("[!-~]+(?: [!-~]+)*")
_NO_TAG = re.compile(r"<(?![a-zA-Z/!?])")
# what an XML text cannot hold; and ends of the document, behind which the parser would stop
_NEVER_SEEN = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff]|</(?:html|body)[^>]*>", re.IGNORECASE)
_UNSEEN = ("script", "style", "template", etree.Comment, etree.ProcessingInstruction)


def text_of(value: object) -> str | None:
    """The text that a JSON value is: text as it is, a whole number by its digits (ids and telephone numbers
    are sometimes numbers). Anything else is no text. Lone surrogates, which no encoder takes, go."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode("utf-8")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else None
    return None


def arrow_texts(values: pd.Series) -> Any:
    """The column as one pyarrow large_string array, NA as null; values that are no text become null."""
    try:
        array = pa.array(values, from_pandas=True)
        if pa.types.is_null(array.type) or pa.types.is_string(array.type):
            array = array.cast(pa.large_string())
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        array = None
    if array is None or not pa.types.is_large_string(array.type):
        array = pa.array([text_of(value) for value in values], pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def unreadable(values: pd.Series) -> Any:
    """Where the column has a value that is no text (numpy mask): not the same as none at all."""
    if values.dtype == "str":
        return np.zeros(len(values), dtype=bool)
    return values.notna().to_numpy() & pc.is_null(arrow_texts(values)).to_numpy(zero_copy_only=False)


def where(values: Any, mask: Any, change: Callable[[Any], Any]) -> Any:
    """`change` applied to the values that the mask names: the costly work for the few that need it."""
    if not pc.any(mask).as_py():
        return values
    return pc.replace_with_mask(values, mask, change(values.filter(mask)))


def no_empty(values: Any) -> Any:
    """Empty texts → null."""
    return where(values, pc.equal(values, ""), lambda empty: pa.nulls(len(empty), empty.type))


def word(text: str) -> Any:
    """A pyarrow text that goes together with the columns of this package."""
    return pa.scalar(text, pa.large_string())


NOTHING: Any = pa.scalar(None, pa.large_string())


def joined(*parts: Any) -> Any:
    """Columns and words one after the other; null where one of them is null."""
    return pc.binary_join_element_wise(*parts, word(""))


def tidy(values: Any) -> Any:
    """`tidy_text` between pyarrow arrays."""
    composed = where(
        values,
        pc.match_substring_regex(values, _NOT_PLAIN_LATIN),
        _composed,
    )
    spaced = where(composed, pc.match_substring_regex(composed, _UNTIDY), _spaced)
    return no_empty(spaced)


def _composed(values: Any) -> Any:
    """Control characters first: one may lie between a letter and its accent."""
    return pc.utf8_normalize(pc.replace_substring_regex(values, CONTROL, ""), form="NFC")


def _spaced(values: Any) -> Any:
    return pc.utf8_trim(pc.replace_substring_regex(values, SPACE, " "), characters=" ")


def tidy_text(values: pd.Series) -> pd.Series:
    """Unicode NFC, control characters out, runs of white space to one space, trimmed; empty → NA."""
    return as_series(tidy(arrow_texts(values)), values.index)


def tidy_one(value: object) -> str | None:
    """One JSON value as a tidied text; None when it is no text or empty."""
    text = text_of(value)
    if text is None or _TIDY.fullmatch(text):
        return text
    only: str | None = tidy(pa.array([text], pa.large_string()))[0].as_py()
    return only


def as_series(array: Any, index: pd.Index) -> pd.Series:
    """A pyarrow text array as a pandas column of dtype `str` over the index."""
    return pd.Series(array.to_pandas().array, index=index, dtype="str")


def html_to_text(values: pd.Series) -> pd.Series:
    """The text that a reader of the HTML sees, tidied: entities decoded, scripts, styles and comments out, a
    space where a block or a line ends (`<p>a</p>b` is two words, `<b>a</b>b` is one).

    HTML that was escaped, once more than it should be or twice (`&amp;lt;p&amp;gt;`), is decoded until it no
    longer changes, at most three times. `a &lt; b` is `a < b`: what is no tag then is text.
    """
    texts = arrow_texts(values)
    marked = pc.match_substring_regex(texts, "[<&]")
    return as_series(
        tidy(where(texts, marked, lambda some: pa.array(map(_seen, some.to_pylist()), pa.large_string()))),
        values.index,
    )


@lru_cache(maxsize=16)  # the SKUs of a product have its description, one after the other
def _seen(markup: str) -> str:
    text = _decoded(markup)
    for _ in range(_MOST_DECODINGS - 1):
        if not _STILL_MARKED.search(text):
            break
        text = _decoded(_LONE.sub("&lt;", text))
    return text


def _decoded(markup: str) -> str:
    if "<" not in markup:
        return html.unescape(markup)
    spaced = _NO_TAG.sub("&lt;", _BLOCK.sub(" <", _NEVER_SEEN.sub("", markup)))
    # our own outer tags: a text may begin like XML, or hold nothing but a comment
    seen = etree.fromstring(f"<html><body>{spaced}</body></html>", etree.HTMLParser())
    etree.strip_elements(seen, *_UNSEEN, with_tail=False)
    return "".join(seen.itertext())


def tidy_lists(lists: Sequence[Sequence[object]]) -> list[list[str]]:
    """Lists of JSON values → lists of their tidied texts; what is no text or empty goes."""
    return [[text for text in texts if text is not None] for texts in tidy_entries(lists)]


def tidy_entries(lists: Sequence[Sequence[object]]) -> list[list[str | None]]:
    """Like `tidy_lists`, each entry in its place: None for what is no text or empty."""
    flat = pa.array([text_of(value) for values in lists for value in values], pa.large_string())
    tidied = iter(tidy(flat).to_pylist())
    return [list(islice(tidied, len(values))) for values in lists]
