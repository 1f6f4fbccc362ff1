"""Files of exports: packed CSVs whose columns nobody documents."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import BinaryIO

import pytest

from include.connectif.exports import PURCHASE_ID, Export, is_purchase_id, plain_name, rows_of
from include.errors import ContractError
from include.http.transport import Unexpected


def packed(**files: str) -> BinaryIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, text in files.items():
            writer.writestr(f"{name}.csv", text)
    return archive


def purchase_ids(archive: BinaryIO) -> list[str]:
    return [cell for row in rows_of(archive, PURCHASE_ID) for cell in PURCHASE_ID.cells(row)]


def test_rows__of_several_files_follow_each_other() -> None:
    archive = packed(one="Purchase ID,Total\n1,2.5\n", two="Purchase ID,Total\n3,4\n\n")
    assert list(rows_of(archive)) == [
        {"purchaseid": "1", "total": "2.5"},
        {"purchaseid": "3", "total": "4"},
    ]


def test_rows__bom_quotes_and_short_lines() -> None:
    archive = packed(one='\ufeffpurchaseId,Note\r\n"1","a, ""b""\nc"\r\n2\r\n')
    assert list(rows_of(archive)) == [
        {"purchaseid": "1", "note": 'a, "b"\nc'},
        {"purchaseid": "2", "note": ""},
    ]


def test_rows__an_export_with_a_header_only_has_none() -> None:
    assert purchase_ids(packed(one="anything\n")) == []


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>", b"PK\x03\x04 and no more"])
def test_rows__what_is_no_zip_stops(content: bytes) -> None:
    with pytest.raises(ContractError, match="export"):
        list(rows_of(io.BytesIO(content)))


def test_rows__a_zip_without_a_csv_file_stops() -> None:
    with pytest.raises(ContractError, match="holds no CSV file"):
        list(rows_of(packed()))


def deflated(text: str, name: str = "one.csv") -> io.BytesIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr(name, text)
    return archive


def test_rows__a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ContractError, match="unpacks to more than 300 times its size"):
        list(rows_of(deflated("purchaseId\n" + "0" * 50_000_000)))


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rows__only_what_can_be_unpacked_by_pieces_is(packing: int) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", packing) as writer:
        writer.writestr("one.csv", "purchaseId\n1\n")
    with pytest.raises(ContractError, match="packed in another way than by deflate"):
        list(rows_of(archive))


def test_rows__a_long_list_of_files_is_not_read() -> None:
    one = packed(one="purchaseId\n1\n").getvalue()  # type: ignore[attr-defined]
    start, end = one.find(b"PK\x01\x02"), one.find(b"PK\x05\x06")
    entries = one[start:end] * 60_000
    size = len(entries).to_bytes(4, "little")
    told = one[end : end + 8] + b"\xff\xff\xff\xff" + size + one[end + 16 :]
    with pytest.raises(ContractError, match="list of files has more than 2,000,000 bytes"):
        list(rows_of(io.BytesIO(one[:start] + entries + told)))


def test_rows__a_row_over_many_lines_is_not_read_to_its_end() -> None:
    with pytest.raises(ContractError, match="no ZIP of CSV files"):
        list(rows_of(packed(one="purchaseId\n" + '"abcdefgh\n",' * 200_000)))


def test_rows__a_cell_without_an_end_is_not_read_to_it() -> None:
    """Random enough to pass for data, and one line of twenty million characters."""
    cell = "".join(f"{zlib.crc32(b'%d' % number):08x}" for number in range(2_500_000))
    long = cell[:700_000]
    with pytest.raises(ContractError, match="no ZIP of CSV"):
        list(rows_of(deflated(f"purchaseId\n{cell}\n")))
    assert [row["purchaseid"] for row in rows_of(deflated(f"purchaseId\n{long}\n7\n"))] == [long, "7"]


def test_rows__too_many_files_stop() -> None:
    with pytest.raises(ContractError, match="an export of 1,001 files"):
        list(rows_of(packed(**{f"f{number}": "" for number in range(1_001)})))


def test_rows__a_file_that_is_damaged_inside_stops() -> None:
    archive = deflated("purchaseId\n" + "\n".join(map(str, range(5_000))))
    damaged = bytearray(archive.getvalue())
    damaged[400:440] = b"\0" * 40
    with pytest.raises(ContractError, match="no ZIP of CSV"):
        list(rows_of(io.BytesIO(damaged)))


def test_rows__a_path_in_an_archive_is_only_a_name() -> None:
    archive = deflated("purchaseId\n7\n", name="../../etc/cron.d/x.csv")
    assert [row["purchaseid"] for row in rows_of(archive)] == ["7"]


def test_rows__another_encoding_stops() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("one.csv", "purchaseId\nñ\n".encode("latin-1"))
    with pytest.raises(ContractError, match="UnicodeDecodeError"):
        list(rows_of(archive))


@pytest.mark.parametrize(
    "title",
    ["purchaseId", "Purchase ID", "purchase_id", "ID de compra", "ID de la compra", "External purchase id",
     "Order ID", "Id del pedido", "Número de pedido", "Purchase external ID"],
)  # fmt: skip
def test_purchase_id_column__is_known_by_its_name(title: str) -> None:
    assert is_purchase_id(plain_name(title))


@pytest.mark.parametrize(
    "title",
    ["activityType", "date", "contactId", "_email", "cartId", "totalPrice", "Purchase date", "Pedido",
     "purchase contact id", "Product id", "Fecha de la compra", "id"],
)  # fmt: skip
def test_purchase_id_column__others_are_not_taken_for_it(title: str) -> None:
    assert not is_purchase_id(plain_name(title))


def test_purchase_id_column__a_file_without_stops() -> None:
    with pytest.raises(ContractError, match="without a column for the purchase id"):
        purchase_ids(packed(one="reference,date\n1,2\n"))


def test_purchase_id_column__a_second_file_on_other_things_is_passed_over() -> None:
    """Public evidence (2026): a ZIP with `…-products.csv` beside the activities."""
    products = "sku,quantity,price\n9000,1,19.9\n"
    assert purchase_ids(packed(activities="type,purchaseId\npurchase,7\n", products=products)) == ["7"]
    assert purchase_ids(packed(a_products=products, z_activities="type,purchaseId\npurchase,7\n")) == ["7"]
    assert purchase_ids(packed(activities="type,purchaseId\n", products=products)) == [], (
        "a day of no purchase"
    )
    assert purchase_ids(packed(activities="type,date\n", products="sku,quantity\n")) == [], "no row anywhere"


def test_purchase_id_column__when_no_file_with_rows_has_it_the_export_is_of_no_use() -> None:
    with pytest.raises(ContractError, match="without a column for the purchase id"):
        purchase_ids(packed(activities="type,reference\npurchase,7\n", products="sku,quantity\n1,2\n"))


def test_purchase_id_column__blank_cells_are_nobodys() -> None:
    assert purchase_ids(packed(one="type,purchaseId\npurchase, 7 \ncontact,\n")) == ["7"]


def test_export__is_over_when_finished_or_failed_or_in_a_state_unknown_to_us() -> None:
    states = [Export("1", status, 0, None) for status in ("queued", "inProgress", "finished", "error", "new")]
    assert [state.is_over for state in states] == [False, False, True, True, True]


def test_export__without_its_id_stops() -> None:
    with pytest.raises(KeyError, match="id"):
        Export.from_answer({"status": "queued"}, {})
    with pytest.raises(Unexpected, match="`status` is no text"):
        Export.from_answer({"id": "1", "status": None}, {})
