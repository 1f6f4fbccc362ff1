"""The tables of VTEX's state. Instants are text of one width, so that text order is time order."""

from sandbox.vtex.fields import COLUMNS

_CLIENT_COLUMNS = ", ".join(
    f'"{name}" TEXT{" COLLATE NOCASE" if name == "email" else ""}' for name in COLUMNS
)

SCHEMA = f"""
-- `client` is the index that search and scroll read. A write waits in `client_write` until the index has it.
CREATE TABLE client (row INTEGER PRIMARY KEY, {_CLIENT_COLUMNS});
CREATE TABLE client_write (number INTEGER PRIMARY KEY, id TEXT NOT NULL, email TEXT COLLATE NOCASE,
    document TEXT NOT NULL, visible_from TEXT NOT NULL);
CREATE INDEX client_write_id ON client_write (id);
CREATE TABLE change (number INTEGER PRIMARY KEY, at TEXT NOT NULL, verb TEXT NOT NULL, id TEXT NOT NULL,
    email TEXT, changed TEXT NOT NULL, by TEXT NOT NULL);

-- Money in cents. `position` is the position in the id list.
CREATE TABLE product (product_id INTEGER PRIMARY KEY, position INTEGER NOT NULL, name TEXT, link_text TEXT,
    brand_id INTEGER, brand TEXT, department TEXT, section TEXT, reference TEXT, release_date TEXT,
    description TEXT, clusters TEXT NOT NULL, specifications TEXT NOT NULL, is_active INTEGER NOT NULL,
    is_visible INTEGER NOT NULL, is_indexed INTEGER NOT NULL, channels TEXT NOT NULL);
CREATE INDEX product_position ON product (position, product_id);
CREATE TABLE sku (sku_id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, name TEXT, ean TEXT,
    reference TEXT,
    base_price INTEGER, list_price INTEGER, has_price INTEGER NOT NULL, has_image INTEGER NOT NULL,
    is_kit INTEGER NOT NULL, unit_multiplier REAL NOT NULL);
CREATE INDEX sku_product ON sku (product_id, sku_id);
CREATE TABLE offer (sku_id INTEGER NOT NULL, channel INTEGER NOT NULL, seller TEXT NOT NULL,
    is_default INTEGER NOT NULL, price INTEGER NOT NULL, list_price INTEGER NOT NULL,
    quantity INTEGER NOT NULL, has_flag INTEGER NOT NULL);
CREATE INDEX offer_sku ON offer (sku_id, channel);

-- Money in cents. Instants may lie in the future, so that statuses move with the clock.
-- `value` and `lines` describe the order as it was placed; `changes` apply to them.
-- `shown` overrides members of the printed detail; `absent` names members to leave out.
CREATE TABLE sale (row INTEGER PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, order_group TEXT NOT NULL,
    created TEXT NOT NULL, authorized TEXT, handled TEXT, invoiced TEXT, canceled TEXT, ends_as TEXT NOT NULL,
    fixed_status TEXT, is_complete INTEGER NOT NULL, origin TEXT NOT NULL, affiliate TEXT NOT NULL,
    channel INTEGER NOT NULL, seller TEXT NOT NULL, form_id TEXT, email TEXT,
    profile_id TEXT, first_name TEXT, last_name TEXT, document TEXT, phone TEXT, value INTEGER NOT NULL,
    shipping INTEGER NOT NULL, payments TEXT NOT NULL, lines TEXT NOT NULL, changes TEXT NOT NULL,
    currency TEXT, abandoned TEXT NOT NULL, marks_active INTEGER NOT NULL, shown TEXT NOT NULL,
    absent TEXT NOT NULL);
"""

INDEXES = """
CREATE UNIQUE INDEX client_id ON client (id);
CREATE INDEX client_email ON client (email);
CREATE INDEX client_user ON client (userId);
CREATE INDEX client_created ON client (createdIn);
CREATE INDEX client_updated ON client (updatedIn);
CREATE INDEX sale_group ON sale (order_group);
CREATE INDEX sale_created ON sale (created, order_id);
CREATE INDEX sale_authorized ON sale (authorized);
"""
"""Created after the seed: that is faster than to maintain them during a million inserts."""
