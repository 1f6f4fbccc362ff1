"""The orders of a checkout, with any answer of VTEX's order group."""

from __future__ import annotations

from typing import Any, cast

import pytest

from include.errors import TemporaryError
from include.http.transport import RequestRefused, VendorError
from include.purchases.checkout import order_group_of, read_checkout, read_order
from include.vtex.client import VtexClient

Json = dict[str, Any]


def refused(status: int) -> RequestRefused:
    return RequestRefused(f"HTTP {status}", status=status, error=VendorError())


class Orders:
    """VTEX's side: details by id, and the answer of the order group. It counts the calls."""

    def __init__(self, *ids: str, group: list[Json] | Exception) -> None:
        self.details: dict[str, Json | Exception] = {id_: {"orderId": id_, "value": 990} for id_ in ids}
        self.group, self.asked = group, list[str]()

    def order(self, order_id: str) -> Json:
        self.asked.append(order_id)
        found = self.details.get(order_id, refused(404))
        if isinstance(found, Exception):
            raise found
        return found

    def order_group(self, group: str) -> list[Json]:
        if isinstance(self.group, Exception):
            raise self.group
        return self.group


def read(orders: Orders, **more: Any) -> tuple[list[str], tuple[str, ...]]:
    checkout = read_checkout(cast(VtexClient, orders), "5", **more)
    assert all(order["value"] == 990 for order in checkout.orders), "in full, not as the group told them"
    return [order["orderId"] for order in checkout.orders], checkout.missing


BRIEF = [{"orderId": "5-01"}, {"orderId": "5-02", "isCompleted": None}]


def test_parts__are_read_by_their_detail() -> None:
    assert read(Orders("5-01", "5-02", group=BRIEF)) == (["5-01", "5-02"], ())


def test_parts__that_are_known_are_not_read_again() -> None:
    orders = Orders("5-01", "5-02", group=BRIEF)
    assert read(orders, known={"5-01"}) == (["5-02"], ())
    assert orders.asked == ["5-02"]


@pytest.mark.parametrize("group", [[], refused(404), refused(400), [{"orderId": None}], [{}]])
def test_parts__that_must_exist_are_read_if_the_group_lacks_them(group: Any) -> None:
    assert read(Orders("5-01", "5-02", "5-03", group=group), known={"5-03"}) == (["5-01", "5-02"], ())


@pytest.mark.parametrize("group", [[], refused(404), BRIEF])
def test_parts__that_must_exist_and_are_missing_are_named(group: Any) -> None:
    assert read(Orders("5-02", group=group), known={"5-02"}) == ([], ("5-01",))


def test_parts__with_ids_of_another_form_come_from_the_group() -> None:
    assert read(Orders("5-01", "seq7", group=[{"orderId": "seq7"}]), known={"5-01"}) == (["seq7"], ())


def test_parts__a_refused_group_has_no_ids() -> None:
    with pytest.raises(TemporaryError):
        read(Orders("5-01", group=TemporaryError("VTEX is away")), known={"5-01"})
    with pytest.raises(RequestRefused):
        read(Orders("5-01", group=refused(403)), known={"5-01"})


def test_order__another_order_counts_as_missing() -> None:
    orders = Orders("5-01", group=[])
    orders.details["5-01"] = {"orderId": "6-01"}
    assert read_order(cast(VtexClient, orders), "5-01") is None
    orders.details["5-01"] = {"status": "handling"}
    assert read_order(cast(VtexClient, orders), "5-01") is None


def test_order_group__is_the_orders_field_else_the_form_of_its_id() -> None:
    assert order_group_of({"orderId": "v1llux-01", "orderGroup": "v1lspt"}) == "v1lspt"
    assert order_group_of({"orderId": "v1llux-01", "orderGroup": ""}) == "v1llux"
    assert order_group_of({"orderId": "v1llux-01", "orderGroup": {}}) == "v1llux"
