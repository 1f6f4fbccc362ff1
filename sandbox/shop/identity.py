"""Which shop it is: its account, domain and country, and the numbers from which its ids start.

No id and no e-mail address of one shop exists in another.
"""

from dataclasses import dataclass

from sandbox.shop.countries import BRAZIL, FURTHER, Country


@dataclass(frozen=True)
class ShopIdentity:
    """`number` counts the shops from 0. `name` is short (`es`), and empty for the first shop."""

    number: int
    name: str
    account: str
    domain: str
    title: str
    country: Country

    def named(self, word: str) -> str:
        """`word` for the first shop, `word-es` for the shop `es`."""
        return f"{word}-{self.name}" if self.name else word

    @property
    def path(self) -> str:
        """The beginning of paths that name the account; empty for the first shop, which needs none."""
        return f"/{self.account}" if self.number else ""

    @property
    def vtex_key(self) -> str:
        """The id of the account's first key at VTEX. Its secret is `named("sandbox-token")`."""
        return f"vtexappkey-{self.account}-DEMO"

    @property
    def connectif_key(self) -> str:
        """The id of the account's first key at Connectif. Its secret is `named("sandbox-key-secret")`."""
        return self.named("sandbox-key-id")

    @property
    def mark(self) -> str:
        """The end of the local part of the shop's e-mail addresses: `.es`; empty for the first shop."""
        return f".{self.name}" if self.name else ""

    @property
    def first_product(self) -> int:
        """The id of the first product. An SKU's id is about ten times its product's.

        The steps keep the SKUs of one shop apart from the products of another, up to 50,000 products.
        """
        return self.number * 2_000_000 + 140_000 if self.number else 0

    @property
    def first_checkout(self) -> int:
        """The order group of the first basket."""
        return 1_300_000_000_000 + self.number * 1_000_000_000

    @property
    def first_sequence(self) -> int:
        """The sequence number before the first order."""
        return self.number * 100_000_000


FIRST = ShopIdentity(0, "", "sandboxshop", "www.sandbox-shop.example", "Sandbox shop", BRAZIL)


def identity_of(number: int) -> ShopIdentity:
    """The shop of this number: the first one, then Spain, Mexico …, then `sandboxspain2` …"""
    if number == 0:
        return FIRST
    turn, place = divmod(number - 1, len(FURTHER))
    country, again = FURTHER[place], str(turn + 1) if turn else ""
    return ShopIdentity(
        number=number,
        name=f"{country.code.lower()}{again}",
        account=f"sandbox{country.place}{again}",
        domain=f"www.sandbox-{country.place}{again}.example",
        title=f"Sandbox {country.place.title()} {again}".strip(),
        country=country,
    )
