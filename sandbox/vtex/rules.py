"""All rules of the simulated VTEX: its state and what changes it. No rule knows HTTP."""

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.shop import ShopData
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rules_catalog import Catalog
from sandbox.vtex.rules_documents import Documents
from sandbox.vtex.rules_index import Index
from sandbox.vtex.rules_orders import Orders


class VtexRules:
    def __init__(self, database: Database, clock: Clock, knobs: VtexKnobs, shop: ShopData) -> None:
        self.database, self.knobs, self.country = database, knobs, shop.identity.country
        self.documents = Documents(database, clock, knobs)
        self.index = Index(self.documents, database, clock, knobs)
        self.catalog = Catalog(database, knobs, shop.account)
        self.orders = Orders(database, clock, knobs, shop)

    def reset(self) -> None:
        """Forgets what the rules keep in memory; the vendor fills the tables again."""
        self.index.reset()
        self.orders.reset()

    def close(self) -> None:
        self.database.close()
