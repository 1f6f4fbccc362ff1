"""Files of exports: packed CSVs whose columns nobody documents."""

from __future__ import annotations

import io
import zipfile

import pytest

from include.connectif.exports import PURCHASE_ID, Export, is_purchase_id, plain_name, rows_of
from include.errors import ContractError
from include.rest.transport import Unexpected


def packed(**files: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, text in files.items():
            writer.writestr(f"{name}.csv", text)
    return archive.getvalue()


def purchase_ids(archive: bytes) -> list[str]:
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


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>", packed()])
def test_rows__what_is_no_zip_of_csv_stops(content: bytes) -> None:
    with pytest.raises(ContractError, match="export"):
        list(rows_of(content))


def test_rows__another_encoding_stops() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("one.csv", "purchaseId\nñ\n".encode("latin-1"))
    with pytest.raises(ContractError, match="UnicodeDecodeError"):
        list(rows_of(archive.getvalue()))


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
