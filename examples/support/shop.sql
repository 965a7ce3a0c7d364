CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  customer TEXT NOT NULL,
  status TEXT NOT NULL,
  total REAL NOT NULL,
  street TEXT NOT NULL,
  city TEXT NOT NULL
);
CREATE TABLE refunds (
  key TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders (id),
  amount REAL NOT NULL
);
INSERT INTO orders VALUES
  ('A-17', 'C-1', 'delivered', 120.5, '1 Mill Lane', 'Leeds'),
  ('A-18', 'C-2', 'shipped', 310.0, '22 Kirkegata', 'Oslo'),
  ('A-19', 'C-3', 'pending', 89.9, '7 Rue du Bac', 'Paris');
