CREATE TABLE listener (
  id text PRIMARY KEY,
  -- Trimmed and in lower case.
  email text NOT NULL UNIQUE,
  display_name text NOT NULL,
  role text NOT NULL CHECK (role IN ('listener', 'operator')),
  password_hash text NOT NULL,
  created_at timestamptz NOT NULL
);
