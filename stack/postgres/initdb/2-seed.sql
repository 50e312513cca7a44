-- 5 000 products and 100 000 sales, by arithmetic alone: the same rows in every stack.
INSERT INTO products
SELECT n, 'SKU-' || lpad(n::text, 5, '0'), 'Product ' || n, 99 + (n * 37) % 9900, 1000000, 1000000
FROM generate_series(1, 5000) AS n;

INSERT INTO sales (client_id, product_id, quantity, unit_price_cents, sold_at)
SELECT 'seed-' || lpad(n::text, 6, '0'), p.id, 1 + n % 4, p.price_cents,
       timestamptz '2025-01-01 00:00:00+00' + n * interval '5 minutes'
FROM generate_series(1, 100000) AS n
JOIN products p ON p.id = 1 + (n::bigint * 7919) % 5000;

UPDATE products p
SET stock = initial_stock - sold.quantity
FROM (SELECT product_id, sum(quantity) AS quantity FROM sales GROUP BY product_id) AS sold
WHERE sold.product_id = p.id;
ANALYZE;
