-- The shop. A sale moves stock: stock = initial_stock - sum of the quantities sold, always.
CREATE TABLE products (
    id            integer PRIMARY KEY,
    sku           text NOT NULL UNIQUE,
    name          text NOT NULL,
    price_cents   integer NOT NULL CHECK (price_cents > 0),
    initial_stock integer NOT NULL CHECK (initial_stock >= 0),
    stock         integer NOT NULL CHECK (stock >= 0)
-- Every sale updates a row here: room left in the page keeps the new version in it, and the indexes untouched (HOT).
) WITH (fillfactor = 70);

CREATE TABLE sales (
    id               bigserial PRIMARY KEY,
    client_id        text NOT NULL UNIQUE,
    product_id       integer NOT NULL REFERENCES products,
    quantity         integer NOT NULL CHECK (quantity > 0),
    unit_price_cents integer NOT NULL CHECK (unit_price_cents > 0),
    sold_at          timestamptz NOT NULL DEFAULT now()
);
