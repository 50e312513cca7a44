-- 5 000 products and 100 000 sales, by arithmetic alone: the same rows, to the byte, in every stack. A million of each
-- product in stock: at 100 sales a second nothing runs out in an hour, even if all are of one product.
BEGIN;
-- Made anew in this transaction, the tables need no WAL while it loads them (wal_level=minimal), and each index is
-- built once, at the end, instead of row by row.
TRUNCATE products, sales;
ALTER TABLE sales
    DROP CONSTRAINT sales_product_id_fkey, DROP CONSTRAINT sales_client_id_key, DROP CONSTRAINT sales_pkey;

INSERT INTO products (id, sku, name, price_cents, initial_stock, stock)
SELECT n, 'SKU-' || lpad(n::text, 5, '0'), 'Product ' || n, 99 + (n * 37) % 9900, 1000000, 1000000
FROM generate_series(1, 5000) AS n;

INSERT INTO sales (client_id, product_id, quantity, unit_price_cents, sold_at)
SELECT 'seed-' || lpad(n::text, 6, '0'), id, 1 + n % 4, 99 + (id * 37) % 9900,
       timestamptz '2025-01-01 00:00:00+00' + n * interval '5 minutes'
FROM generate_series(1, 100000) AS n, LATERAL (SELECT 1 + (n * 7919) % 5000 AS id) AS product;

UPDATE products
SET stock = initial_stock - sold.quantity
FROM (SELECT product_id, sum(quantity) AS quantity FROM sales GROUP BY product_id) AS sold
WHERE sold.product_id = products.id;

ALTER TABLE sales
    ADD CONSTRAINT sales_pkey PRIMARY KEY (id),
    ADD CONSTRAINT sales_client_id_key UNIQUE (client_id),
    ADD CONSTRAINT sales_product_id_fkey FOREIGN KEY (product_id) REFERENCES products;
COMMIT;
-- Statistics, and every row settled: nothing is left for the first questions, or for autovacuum, to do in a drill.
VACUUM (FREEZE, ANALYZE) products, sales;
