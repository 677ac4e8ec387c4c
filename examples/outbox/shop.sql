-- A service's own table and its events, in one transaction, in SQL alone (PostgreSQL):
--   postroad outbox ddl | psql "$DATABASE"      # once
--   psql "$DATABASE" -f shop.sql
CREATE TABLE IF NOT EXISTS shop_order (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer text NOT NULL,
  total    numeric NOT NULL
);

-- The order and its event exist both, or neither.
BEGIN;
WITH placed AS (
  INSERT INTO shop_order (customer, total) VALUES ('customer-7', 19.90) RETURNING *
)
SELECT postroad_post(
  'orders',
  to_jsonb(placed),
  key         => placed.customer,
  type        => 'order.placed',
  headers     => '{"origin": "shop"}',
  search_keys => ARRAY['order-' || placed.id]
) FROM placed;
COMMIT;

-- What is rolled back never was.
BEGIN;
SELECT postroad_post('orders', '{"never": true}', key => 'customer-7');
ROLLBACK;

-- A reminder in a week; `postroad scheduled` lists, moves and cancels it.
SELECT postroad_post('reminders', '{"pay": 1}', deliver_at => now() + interval '7 days');
