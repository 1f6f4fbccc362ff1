"""A manifest lists the written files, and detects its own damage."""

from __future__ import annotations

import io
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.manifest import ChecksumStream, Manifest, StagedFile, checksum_file

ENTRIES = st.builds(
    StagedFile,
    size=st.integers(0, 10**9),
    crc32=st.integers(0, 2**32 - 1),
    rows=st.none() | st.integers(0, 10**6),
)
NAMES = st.text(string.ascii_lowercase + "-.0123456789", min_size=1, max_size=30)
MANIFESTS = st.builds(Manifest, files=st.dictionaries(NAMES, ENTRIES, max_size=5), complete=st.booleans())


@given(MANIFESTS)
def test_manifest__survives_a_round_trip(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@given(MANIFESTS, st.data())
def test_manifest__with_a_flipped_bit_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    content = bytearray(manifest.to_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError):  # noqa: PT011 - from the JSON parser or from the manifest
        Manifest.from_bytes(bytes(content))


@given(MANIFESTS, st.data())
def test_manifest__cut_off_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    content = manifest.to_bytes()
    with pytest.raises(ValueError):  # noqa: PT011
        Manifest.from_bytes(content[: data.draw(st.integers(0, len(content) - 1))])


@pytest.mark.parametrize(
    "content", [b"null", b"[]", b"{}", b'{"crc32":1,"manifest":null}', b'{"crc32":1,"manifest":{"files":[]}}']
)
def test_manifest__of_another_shape_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Manifest.from_bytes(content)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_checksums__are_equal_for_writing_and_reading(pieces: list[bytes]) -> None:
    written = io.BytesIO()
    stream = ChecksumStream(written)
    for piece in pieces:
        stream.write(piece)
    content = b"".join(pieces)
    assert stream.entry == StagedFile(len(content), zlib.crc32(content))
    assert checksum_file(io.BytesIO(content)) == stream.entry
