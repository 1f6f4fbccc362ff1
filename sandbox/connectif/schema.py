"""The tables of the simulated account, and the ids that Connectif shows for their rows."""

import re
from dataclasses import dataclass

# NULL means that the field has no value; the API then shows its default (`fields.Field.default`).
SCHEMA = """
CREATE TABLE contacts (
    row INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE, external_id TEXT,
    name TEXT, surname TEXT, birthdate TEXT, mobile_phone TEXT, mobile_phone_status TEXT,
    email_status TEXT, newsletter_status TEXT,
    sms_status TEXT, points INTEGER,
    custom TEXT NOT NULL DEFAULT '{}',
    soft_bounces INTEGER NOT NULL DEFAULT 0, bounced_reason TEXT, bounced_at TEXT, soft_bounced_at TEXT,
    unsubscribed_at TEXT, unsubscribed_ip TEXT,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, origin TEXT NOT NULL
);
CREATE UNIQUE INDEX contacts_by_external_id ON contacts (external_id) WHERE external_id IS NOT NULL;
CREATE TABLE contact_fields (
    row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, definition TEXT NOT NULL
);
CREATE TABLE products (
    row INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL UNIQUE, url TEXT, name TEXT, unit_price REAL, unit_price_original REAL,
    unit_price_without_vat REAL, discounted_amount REAL, discounted_percentage REAL,
    availability TEXT, in_stock_units INTEGER,
    is_blacklisted INTEGER, priority INTEGER,
    categories TEXT, tags TEXT, related TEXT, brand TEXT, description TEXT,
    image_url TEXT, thumbnail_url TEXT,
    published_at TEXT, rating REAL, rating_count INTEGER, review_count INTEGER,
    custom1 TEXT, custom2 TEXT, custom3 TEXT,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, origin TEXT NOT NULL
);
CREATE TABLE purchases (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase_id TEXT NOT NULL UNIQUE, cart_id TEXT, contact_row INTEGER, contact_email TEXT NOT NULL,
    payment_method TEXT, purchase_date TEXT NOT NULL,
    total_price REAL NOT NULL, total_quantity INTEGER NOT NULL,
    products TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, origin TEXT NOT NULL
);
CREATE INDEX purchases_of_contact ON purchases (contact_row);
CREATE INDEX purchases_by_date ON purchases (purchase_date);
CREATE TABLE fired_workflows (
    row INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, workflow TEXT NOT NULL,
    contact_email TEXT NOT NULL, purchase_id TEXT NOT NULL
);
CREATE TABLE imports (
    row INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, status TEXT NOT NULL, options TEXT NOT NULL,
    origin TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0, success INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT
);
CREATE TABLE exports (
    row INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT NOT NULL, request TEXT NOT NULL, origin TEXT NOT NULL,
    progress INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL, finished_at TEXT
);
-- Every change of a newsletter status. `processed` is 1 after the rules queued its callback or needed none.
CREATE TABLE newsletter_changes (
    row INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, contact_row INTEGER NOT NULL,
    email TEXT NOT NULL, status TEXT, processed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX newsletter_changes_new ON newsletter_changes (row) WHERE processed = 0;
CREATE TRIGGER newsletter_change AFTER UPDATE OF newsletter_status ON contacts
WHEN NEW.newsletter_status IS NOT OLD.newsletter_status
BEGIN
    INSERT INTO newsletter_changes (at, contact_row, email, status)
    VALUES (NEW.updated_at, NEW.row, NEW.email, NEW.newsletter_status);
    UPDATE contacts SET unsubscribed_at = NEW.updated_at, unsubscribed_ip = NULL
    WHERE row = NEW.row AND NEW.newsletter_status = 'unsubscribed';
END;
-- A new contact with the status `unsubscribed` counts as an unsubscription.
CREATE TRIGGER newsletter_start AFTER INSERT ON contacts WHEN NEW.newsletter_status = 'unsubscribed'
BEGIN
    INSERT INTO newsletter_changes (at, contact_row, email, status)
    VALUES (NEW.updated_at, NEW.row, NEW.email, NEW.newsletter_status);
END;
CREATE TABLE callbacks (
    row INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, email TEXT NOT NULL,
    ip TEXT NOT NULL, status INTEGER, error TEXT
);
"""

_PREFIXES = {
    "contacts": "5fc0",
    "products": "5fd0",
    "purchases": "5fe0",
    "imports": "5ff0",
    "exports": "60a0",
    "store": "5fb0",
}
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Ids:
    """Connectif's ids are 24 hexadecimal digits.

    Ours consist of table, number of the shop and row: so they are reproducible, and no two accounts have the
    same.
    """

    shop: int

    def of(self, table: str, row: int) -> str:
        return f"{_PREFIXES[table]}{self.shop:05x}{row:015x}"

    def row(self, table: str, connectif_id: str) -> int | None:
        """The row of an id, or None for an id of another table or account."""
        if not _ID.fullmatch(connectif_id):
            return None
        row = int(connectif_id[-15:], 16)
        return row if self.of(table, row) == connectif_id else None
