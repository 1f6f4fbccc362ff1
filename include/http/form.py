"""A form with a file, sent piece by piece: memory does not grow with the size of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from urllib3.filepost import choose_boundary, encode_multipart_formdata


@dataclass(frozen=True)
class FileToSend:
    """A file of `size` bytes. Each call of `pieces` reads it from the start, for a repeated request."""

    name: str
    content_type: str
    size: int
    pieces: Callable[[], Iterable[bytes]]


class FormWithFile:
    """The body of a `multipart/form-data` request: `fields`, then the file as part `part`.

    As `data` of a request this is an iterable of known length. So `requests` sends a Content-Length and not
    chunked encoding, which some gateways refuse. A repeated request reads the file from the start.
    """

    def __init__(self, fields: Mapping[str, str], part: str, file: FileToSend) -> None:
        self._file = file
        boundary = choose_boundary()
        without_content = (file.name, b"", file.content_type)
        body, self.content_type = encode_multipart_formdata(
            [*fields.items(), (part, without_content)], boundary
        )
        self._end = f"\r\n--{boundary}--\r\n".encode()
        self._beginning = body.removesuffix(self._end)

    def __len__(self) -> int:
        return len(self._beginning) + self._file.size + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        yield self._beginning
        yield from self._file.pieces()
        yield self._end
