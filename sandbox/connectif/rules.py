"""All rules of the simulated Connectif: its state and what changes it. No rule knows the HTTP routes."""

from sandbox.connectif.account import Account
from sandbox.connectif.callbacks import Callbacks
from sandbox.connectif.rules_contacts import Contacts
from sandbox.connectif.rules_exports import Exports
from sandbox.connectif.rules_imports import Imports
from sandbox.connectif.rules_newsletter import Newsletter
from sandbox.connectif.rules_products import Products
from sandbox.connectif.rules_purchases import Purchases


class ConnectifRules:
    def __init__(self, account: Account) -> None:
        self.account, self.database, self.knobs = account, account.database, account.knobs
        self.contacts = Contacts(account)
        self.products = Products(account)
        self.purchases = Purchases(account, self.contacts, self.products)
        self.callbacks = Callbacks(account)
        self.newsletter = Newsletter(account, self.contacts, self.callbacks)
        self.imports = Imports(account, self.contacts, self.newsletter)
        self.exports = Exports(account, self.contacts)

    def reset(self) -> None:
        """Stops background work and forgets files and callback URLs; the vendor fills the tables again."""
        self.imports.reset()
        self.exports.reset()
        self.callbacks.reset()

    def close(self) -> None:
        self.imports.close()
        self.exports.close()
        self.callbacks.close()
        self.database.close()
