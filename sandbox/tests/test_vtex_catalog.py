"""The id list, the storefront's search, a product of the admin API, base prices."""

from typing import Any

import pytest

from sandbox.tests.vtex_api import IDS, SEARCH, VtexCaller

COUNT = 45


def search_products(vtex: VtexCaller, *ids: int, **query: Any) -> dict[str, Any]:
    """The products by id, from one window."""
    answer = vtex.get(SEARCH, fq=[f"productId:{number}" for number in ids], _from=0, _to=49, **query)
    assert answer.status_code == 200, answer.text
    return {product["productId"]: product for product in answer.json()}


def offers(product: Any, seller: str = "1") -> list[Any]:
    sellers = [one for item in product["items"] for one in item["sellers"]]
    return [one["commertialOffer"] for one in sellers if one["sellerId"] == seller]


def test_ids__are_selected_by_position_from_one(vtex: VtexCaller) -> None:
    pages = [vtex.get(IDS, _from=start, _to=start + 9).json() for start in range(1, COUNT + 1, 10)]
    assert [len(page["data"]) for page in pages] == [10, 10, 10, 10, 5]
    assert len({number for page in pages for number in page["data"]}) == COUNT
    assert pages[0]["range"] == {"total": COUNT, "from": 1, "to": 10}
    assert pages[0]["data"]["0"]
    assert pages[0]["data"]["2"] == []


def test_ids__are_at_most_250_and_unordered(vtex: VtexCaller) -> None:
    for number in range(100, 400):
        vtex.control("PUT", f"products/{number}", {})
    answer = vtex.get(IDS, _from=1, _to=1_000).json()
    assert len(answer["data"]) == 250
    assert answer["range"] == {"total": COUNT + 300, "from": 1, "to": 1_000}
    assert list(answer["data"]) != sorted(answer["data"], key=int)


def test_ids__move_after_an_insert_at_the_front(vtex: VtexCaller) -> None:
    first = vtex.get(IDS, _from=1, _to=10).json()["data"]
    vtex.control("PUT", "products/100", {})
    vtex.control("PATCH", "products/100", {"position": -1})
    second = vtex.get(IDS, _from=11, _to=20).json()["data"]
    assert len(first.keys() & second.keys()) == 1


def test_ids__can_move_between_pages(vtex: VtexCaller) -> None:
    vtex.knobs(ids_arrivals_per_page=2)
    first, second = (vtex.get(IDS, _from=start, _to=start + 9).json() for start in (1, 11))
    assert len(first["data"].keys() & second["data"].keys()) == 2
    assert second["range"]["total"] == COUNT + 2


def test_search__shows_the_oddities_of_old_catalogues(vtex: VtexCaller) -> None:
    products = search_products(vtex, 25, 26, 27, 28, 29, 30)
    assert products["25"]["categories"] == ["/Casa/Cama/Mesa/Banho/", "/Casa/"]
    assert [path.count("/") for path in products["25"]["categoriesIds"]] == [3, 2]
    assert products["26"]["brand"] == ["Premium"], "a specification replaces the field"
    assert products["27"]["description"].startswith("&amp;lt;p&amp;gt;")
    assert not any("IsAvailable" in offer for offer in offers(products["28"]))
    assert products["29"]["linkText"].endswith(" edição")
    assert {item["unitMultiplier"] for item in products["30"]["items"]} == {0.3}


def test_search__returns_ten_without_a_window(vtex: VtexCaller) -> None:
    answer = vtex.get(SEARCH, fq=[f"productId:{number}" for number in range(45)])
    assert (answer.status_code, len(answer.json())) == (206, 10)
    assert answer.headers["resources"].startswith("0-9/")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"_from": 0, "_to": 50}, '"Parameter _to can\'t be greater than 50."'),
        ({"_from": 2501, "_to": 2510}, '"Parameter _from can\'t be greater than 2500."'),
        ({"_from": 0, "_to": 9, "fq": "productId:'1'"}, "Bad Request! Scripts are not allowed!"),
    ],
)
def test_search__refuses_with_vtexs_own_texts(vtex: VtexCaller, query: dict[str, Any], body: str) -> None:
    answer = vtex.get(SEARCH, **query)
    assert (answer.status_code, answer.text) == (400, body)


def test_search__refuses_filters_that_are_not_simulated(vtex: VtexCaller) -> None:
    assert vtex.get(SEARCH, fq="C:/1/").status_code == 400
    assert vtex.get(SEARCH, ft="panela").status_code == 400


def test_search__by_sku_returns_the_whole_product(vtex: VtexCaller) -> None:
    (product,) = vtex.get(SEARCH, fq="skuId:1000").json()
    assert product["productId"] == "0"
    skus = [int(item["itemId"]) for item in product["items"]]
    assert skus == sorted(skus)
    assert len(skus) > 1


def test_search__needs_no_key(vtex: VtexCaller) -> None:
    assert vtex.session.get(vtex.url + SEARCH, timeout=5).status_code == 206


def test_search__leaves_hidden_products_out(vtex: VtexCaller) -> None:
    hidden = {"inactive": 4, "invisible": 5, "not indexed": 6, "other channel": 9, "no SKU": 2}
    assert search_products(vtex, *hidden.values()) == {}
    assert vtex.get("/api/catalog/pvt/product/6").json()["IsActive"] is True
    assert vtex.get("/api/catalog/pvt/product/4").json()["IsActive"] is False
    assert vtex.get("/api/catalog/pvt/product/5").json()["IsVisible"] is False
    assert list(search_products(vtex, 9, sc=2)) == ["9"]


def test_search__still_shows_an_inactive_product(vtex: VtexCaller) -> None:
    assert list(search_products(vtex, 10)) == ["10"]
    assert vtex.get("/api/catalog/pvt/product/10").json()["IsActive"] is False


def test_search__products_out_of_stock_have_the_price_0(vtex: VtexCaller) -> None:
    for offer in offers(search_products(vtex, 3)["3"]):
        assert (offer["Price"], offer["ListPrice"], offer["AvailableQuantity"], offer["IsAvailable"]) == (
            0,
            0,
            0,
            False,
        )


def test_search__only_the_default_seller_can_be_out_of_stock(vtex: VtexCaller) -> None:
    product = search_products(vtex, 1)["1"]
    assert not any(offer["IsAvailable"] for offer in offers(product))
    assert all(offer["IsAvailable"] for offer in offers(product, "lojaparceira"))


def test_search__prices_differ_by_channel(vtex: VtexCaller) -> None:
    vtex.control("PUT", "products/100", {"skus": [{"sku_id": 9_000, "offers": [
        {"price": 1_000, "list_price": 1_250}, {"channel": 2, "price": 1_101, "list_price": 1_300}
    ]}]})  # fmt: skip
    (main,), (other,) = (
        offers(search_products(vtex, 100)["100"]),
        offers(search_products(vtex, 100, sc=2)["100"]),
    )
    assert (main["Price"], main["ListPrice"], other["Price"]) == (10.0, 12.5, 11.01)


def test_search__links_have_the_host_of_the_call(vtex: VtexCaller) -> None:
    assert (
        search_products(vtex, 0)["0"]["link"] == f"{vtex.url}/{search_products(vtex, 0)['0']['linkText']}/p"
    )


def test_search__specifications_are_keys_beside_the_fields(vtex: VtexCaller) -> None:
    product = search_products(vtex, 8)["8"]
    assert product["Link"] == ["https://spec.example"]
    assert product["link"].startswith(vtex.url)
    assert (product["Cor"], product["cor"]) == (["Azul"], ["blue"])
    assert isinstance(product["items"], list)
    assert product["Items"] == ["2"]


def test_search__texts_and_lists_have_the_oddities_of_real_data(vtex: VtexCaller) -> None:
    products = search_products(vtex, *range(45))
    assert "&eacute;" in products["12"]["description"]
    assert any("|" in name for product in products.values() for name in product["productClusters"].values())
    first = products["0"]
    assert first["categories"][0].startswith(first["categories"][1])
    assert "?v=" in first["items"][0]["images"][0]["imageUrl"]
    assert products["14"]["items"][0]["images"] == []
    assert products["7"]["items"][0]["isKit"] is True
    assert products["21"]["releaseDate"] is None


def test_search__can_lose_products_at_random(vtex: VtexCaller) -> None:
    whole = len(search_products(vtex, *range(45)))
    vtex.knobs(search_omission_share=0.5)
    assert 0 < len(search_products(vtex, *range(45))) < whole


def test_product__can_be_hidden_and_deleted_by_the_control_plane(vtex: VtexCaller) -> None:
    vtex.control("PATCH", "products/0", {"is_indexed": 0})
    assert search_products(vtex, 0) == {}
    vtex.control("DELETE", "products/0")
    assert vtex.get("/api/catalog/pvt/product/0").status_code == 404
    assert "0" not in vtex.get(IDS).json()["data"]


def test_price__is_the_base_price_with_rate_limit_headers(vtex: VtexCaller) -> None:
    answer = vtex.get("/api/pricing/prices/1000")
    offer = offers(search_products(vtex, 0)["0"])[0]
    assert answer.json()["basePrice"] == round(offer["Price"] + 7, 2)
    assert answer.headers["Ratelimit-Limit"] == "2000"
    assert answer.headers["Ratelimit-Remaining"] == "1999"


def test_price__can_be_missing_or_null(vtex: VtexCaller) -> None:
    assert vtex.get("/api/pricing/prices/1170").status_code == 404
    assert vtex.get("/api/pricing/prices/1180").json()["basePrice"] is None
    assert vtex.get("/api/pricing/prices/1").status_code == 404


def test_sales_channels__have_their_currency(vtex: VtexCaller) -> None:
    channels = vtex.get("/api/catalog_system/pvt/saleschannel/list").json()
    assert [(one["Id"], one["CurrencyCode"]) for one in channels] == [(1, "BRL"), (2, "BRL"), (3, "USD")]
