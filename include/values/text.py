"""Tidy columns of texts, and convert them from HTML."""

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
# In a text that was decoded once: a complete HTML tag, not a text that only looks like one ("a <b and c>d").
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
# Characters that XML does not allow, and ends of the document, at which the parser would stop.
_NEVER_SEEN = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff]|</(?:html|body)[^>]*>", re.IGNORECASE)
_UNSEEN = ("script", "style", "template", etree.Comment, etree.ProcessingInstruction)


def text_of(value: object) -> str | None:
    """A text, or the digits of a whole number: ids and telephone numbers are sometimes JSON numbers.

    None for other types. Lone surrogates are removed, because they cannot be encoded.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode("utf-8")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else None
    return None


def arrow_texts(values: pd.Series) -> Any:
    """The column as one pyarrow large_string array. NA and values that are not texts become null."""
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
    """A numpy mask of the values that are not texts. Absent values are not in it."""
    if values.dtype == "str":
        return np.zeros(len(values), dtype=bool)
    return values.notna().to_numpy() & pc.is_null(arrow_texts(values)).to_numpy(zero_copy_only=False)


def change_where(values: Any, mask: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` only to the values in the mask, because it is expensive."""
    if not pc.any(mask).as_py():
        return values
    return pc.replace_with_mask(values, mask, change(values.filter(mask)))


def no_empty(values: Any) -> Any:
    """Empty texts → null."""
    return change_where(values, pc.equal(values, ""), lambda empty: pa.nulls(len(empty), empty.type))


def word(text: str) -> Any:
    """A pyarrow scalar of the type of this package's columns."""
    return pa.scalar(text, pa.large_string())


NOTHING: Any = pa.scalar(None, pa.large_string())


def join_texts(*parts: Any) -> Any:
    """Concatenate columns and words; null if one of them is null."""
    return pc.binary_join_element_wise(*parts, word(""))


def tidy(values: Any) -> Any:
    """`tidy_text` for pyarrow arrays."""
    composed = change_where(values, pc.match_substring_regex(values, _NOT_PLAIN_LATIN), _compose)
    spaced = change_where(composed, pc.match_substring_regex(composed, _UNTIDY), _collapse_spaces)
    return no_empty(spaced)


def _compose(values: Any) -> Any:
    """Remove control characters first: one may be between a letter and its accent."""
    return pc.utf8_normalize(pc.replace_substring_regex(values, CONTROL, ""), form="NFC")


def _collapse_spaces(values: Any) -> Any:
    return pc.utf8_trim(pc.replace_substring_regex(values, SPACE, " "), characters=" ")


def tidy_text(values: pd.Series) -> pd.Series:
    """Unicode NFC, without control characters, with single spaces, trimmed; empty → NA."""
    return as_series(tidy(arrow_texts(values)), values.index)


def tidy_one(value: object) -> str | None:
    """One JSON value as a tidied text; None if it is not a text, or empty."""
    text = text_of(value)
    if text is None or _TIDY.fullmatch(text):
        return text
    only: str | None = tidy(pa.array([text], pa.large_string()))[0].as_py()
    return only


def as_series(array: Any, index: pd.Index) -> pd.Series:
    """A pyarrow text array as a pandas column of dtype `str` with this index."""
    return pd.Series(array.to_pandas().array, index=index, dtype="str")


def html_to_text(values: pd.Series) -> pd.Series:
    """The visible text of HTML, tidied.

    Entities are decoded. Scripts, styles and comments are removed. The end of a block or a line becomes a
    space (`<p>a</p>b` is two words, `<b>a</b>b` is one).

    Some HTML was escaped too often (`&amp;lt;p&amp;gt;`). It is decoded until it no longer changes, at most
    three times. Text that is not a tag stays: `a &lt; b` becomes `a < b`.
    """
    texts = arrow_texts(values)
    marked = pc.match_substring_regex(texts, "[<&]")
    visible = change_where(texts, marked, _visible_texts)
    return as_series(tidy(visible), values.index)


def _visible_texts(markup: Any) -> Any:
    return pa.array(map(_visible_text, markup.to_pylist()), pa.large_string())


@lru_cache(maxsize=16)  # consecutive SKUs of a product have the same description
def _visible_text(markup: str) -> str:
    text = _decode(markup)
    for _ in range(_MOST_DECODINGS - 1):
        if not _STILL_MARKED.search(text):
            break
        text = _decode(_LONE.sub("&lt;", text))
    return text


def _decode(markup: str) -> str:
    if "<" not in markup:
        return html.unescape(markup)
    spaced = _NO_TAG.sub("&lt;", _BLOCK.sub(" <", _NEVER_SEEN.sub("", markup)))
    # With our own outer tags, because a text may begin like XML or be only a comment.
    tree = etree.fromstring(f"<html><body>{spaced}</body></html>", etree.HTMLParser())
    etree.strip_elements(tree, *_UNSEEN, with_tail=False)
    return "".join(tree.itertext())


def tidy_lists(lists: Sequence[Sequence[object]]) -> list[list[str]]:
    """Lists of JSON values → lists of their tidied texts, without empty texts and other types."""
    return [[text for text in texts if text is not None] for texts in tidy_entries(lists)]


def tidy_entries(lists: Sequence[Sequence[object]]) -> list[list[str | None]]:
    """Like `tidy_lists`, but each entry keeps its place: None for an empty text or another type."""
    flat = pa.array([text_of(value) for values in lists for value in values], pa.large_string())
    tidied = iter(tidy(flat).to_pylist())
    return [list(islice(tidied, len(values))) for values in lists]
