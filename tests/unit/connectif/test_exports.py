"""Files of exports: ZIPs of CSV files with undocumented columns."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import BinaryIO

import pytest

from include.connectif.exports import PURCHASE_ID, Export, is_purchase_id, plain_name, read_rows
from include.errors import ContractError
from include.http.transport import Unexpected


def make_zip(**files: str) -> io.BytesIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, text in files.items():
            writer.writestr(f"{name}.csv", text)
    return archive


def read_purchase_ids(archive: BinaryIO) -> list[str]:
    return [cell for row in read_rows(archive, PURCHASE_ID) for cell in PURCHASE_ID.cells(row)]


def test_rows__of_several_files_follow_each_other() -> None:
    archive = make_zip(one="Purchase ID,Total\n1,2.5\n", two="Purchase ID,Total\n3,4\n\n")
    assert list(read_rows(archive)) == [
        {"purchaseid": "1", "total": "2.5"},
        {"purchaseid": "3", "total": "4"},
    ]


def test_rows__with_bom_quotes_and_short_lines() -> None:
    archive = make_zip(one='\ufeffpurchaseId,Note\r\n"1","a, ""b""\nc"\r\n2\r\n')
    assert list(read_rows(archive)) == [
        {"purchaseid": "1", "note": 'a, "b"\nc'},
        {"purchaseid": "2", "note": ""},
    ]


def test_rows__a_file_with_only_a_header_has_none() -> None:
    assert read_purchase_ids(make_zip(one="anything\n")) == []


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>", b"PK\x03\x04 and no more"])
def test_rows__a_file_that_is_not_a_zip_fails(content: bytes) -> None:
    with pytest.raises(ContractError, match="export"):
        list(read_rows(io.BytesIO(content)))


def test_rows__a_zip_without_a_csv_file_fails() -> None:
    with pytest.raises(ContractError, match="has no CSV file"):
        list(read_rows(make_zip()))


def make_deflated_zip(text: str, name: str = "one.csv") -> io.BytesIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr(name, text)
    return archive


def test_rows__a_zip_bomb_is_not_unpacked() -> None:
    with pytest.raises(ContractError, match="unpacks to more than 300 times its size"):
        list(read_rows(make_deflated_zip("purchaseId\n" + "0" * 50_000_000)))


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rows__another_compression_than_deflate_fails(packing: int) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", packing) as writer:
        writer.writestr("one.csv", "purchaseId\n1\n")
    with pytest.raises(ContractError, match="in a compression other than deflate"):
        list(read_rows(archive))


def test_rows__a_long_list_of_files_is_not_read() -> None:
    one = make_zip(one="purchaseId\n1\n").getvalue()
    start, end = one.find(b"PK\x01\x02"), one.find(b"PK\x05\x06")
    entries = one[start:end] * 60_000
    size = len(entries).to_bytes(4, "little")
    end_record = one[end : end + 8] + b"\xff\xff\xff\xff" + size + one[end + 16 :]
    with pytest.raises(ContractError, match="an export has a list of files of more than 2,000,000 bytes"):
        list(read_rows(io.BytesIO(one[:start] + entries + end_record)))


def test_rows__a_row_over_too_many_lines_fails() -> None:
    with pytest.raises(ContractError, match="not a ZIP of CSV files"):
        list(read_rows(make_zip(one="purchaseId\n" + '"abcdefgh\n",' * 200_000)))


def test_rows__a_cell_above_the_limit_fails() -> None:
    """The cell has twenty million characters, and is random enough not to look like a ZIP bomb."""
    cell = "".join(f"{zlib.crc32(b'%d' % number):08x}" for number in range(2_500_000))
    long = cell[:700_000]
    with pytest.raises(ContractError, match="not a ZIP of CSV"):
        list(read_rows(make_deflated_zip(f"purchaseId\n{cell}\n")))
    assert [row["purchaseid"] for row in read_rows(make_deflated_zip(f"purchaseId\n{long}\n7\n"))] == [
        long,
        "7",
    ]


def test_rows__too_many_files_fail() -> None:
    with pytest.raises(ContractError, match="an export has 1,001 files"):
        list(read_rows(make_zip(**{f"f{number}": "" for number in range(1_001)})))


def test_rows__a_damaged_file_fails() -> None:
    archive = make_deflated_zip("purchaseId\n" + "\n".join(map(str, range(5_000))))
    damaged = bytearray(archive.getvalue())
    damaged[400:440] = b"\0" * 40
    with pytest.raises(ContractError, match="not a ZIP of CSV"):
        list(read_rows(io.BytesIO(damaged)))


def test_rows__a_path_in_the_archive_is_not_followed() -> None:
    archive = make_deflated_zip("purchaseId\n7\n", name="../../etc/cron.d/x.csv")
    assert [row["purchaseid"] for row in read_rows(archive)] == ["7"]


def test_rows__another_encoding_fails() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("one.csv", "purchaseId\nñ\n".encode("latin-1"))
    with pytest.raises(ContractError, match="UnicodeDecodeError"):
        list(read_rows(archive))


@pytest.mark.parametrize(
    "title",
    ["purchaseId", "Purchase ID", "purchase_id", "ID de compra", "ID de la compra", "External purchase id",
     "Order ID", "Id del pedido", "Número de pedido", "Purchase external ID"],
)  # fmt: skip
def test_purchase_id_column__matches_its_titles(title: str) -> None:
    assert is_purchase_id(plain_name(title))


@pytest.mark.parametrize(
    "title",
    ["activityType", "date", "contactId", "_email", "cartId", "totalPrice", "Purchase date", "Pedido",
     "purchase contact id", "Product id", "Fecha de la compra", "id"],
)  # fmt: skip
def test_purchase_id_column__does_not_match_other_titles(title: str) -> None:
    assert not is_purchase_id(plain_name(title))


def test_purchase_id_column__a_file_without_it_fails() -> None:
    with pytest.raises(ContractError, match="has no column for the purchase id"):
        read_purchase_ids(make_zip(one="reference,date\n1,2\n"))


def test_purchase_id_column__a_file_without_it_beside_activities_is_skipped() -> None:
    """Public evidence (2026): a ZIP with `…-products.csv` next to the activities."""
    products = "sku,quantity,price\n9000,1,19.9\n"
    assert read_purchase_ids(make_zip(activities="type,purchaseId\npurchase,7\n", products=products)) == ["7"]
    assert read_purchase_ids(make_zip(a_products=products, z_activities="type,purchaseId\npurchase,7\n")) == [
        "7"
    ]
    assert read_purchase_ids(make_zip(activities="type,purchaseId\n", products=products)) == [], (
        "a day without purchases"
    )
    assert read_purchase_ids(make_zip(activities="type,date\n", products="sku,quantity\n")) == [], (
        "no file has rows"
    )


def test_purchase_id_column__fails_if_no_file_with_rows_has_it() -> None:
    with pytest.raises(ContractError, match="has no column for the purchase id"):
        read_purchase_ids(make_zip(activities="type,reference\npurchase,7\n", products="sku,quantity\n1,2\n"))


def test_purchase_id_column__blank_cells_are_ignored() -> None:
    assert read_purchase_ids(make_zip(one="type,purchaseId\npurchase, 7 \ncontact,\n")) == ["7"]


def test_export__is_over_if_finished_failed_or_in_an_unknown_state() -> None:
    states = [Export("1", status, 0, None) for status in ("queued", "inProgress", "finished", "error", "new")]
    assert [state.is_over for state in states] == [False, False, True, True, True]


def test_export__without_id_or_status_fails() -> None:
    with pytest.raises(KeyError, match="id"):
        Export.from_answer({"status": "queued"}, {})
    with pytest.raises(Unexpected, match="`status` is not a text"):
        Export.from_answer({"id": "1", "status": None}, {})
