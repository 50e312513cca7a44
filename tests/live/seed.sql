-- A shop small enough to be made in no time: 100 products and 5 000 sales, stock = initial_stock - sold.
INSERT INTO products (id, sku, name, price_cents, initial_stock, stock)
SELECT n, 'SKU-' || n, 'Product ' || n, 100, 1000, 950 FROM generate_series(1, 100) AS n;

INSERT INTO sales (client_id, product_id, quantity, unit_price_cents)
SELECT 'seed-' || n, 1 + n % 100, 1, 100 FROM generate_series(1, 5000) AS n;
