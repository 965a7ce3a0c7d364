CREATE TABLE clients (
  key TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  registration TEXT NOT NULL,
  plan TEXT NOT NULL,
  email TEXT NOT NULL
);
