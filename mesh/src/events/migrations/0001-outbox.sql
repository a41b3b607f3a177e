-- The last number given to an event of each key. Its row is locked while a transaction publishes, so that
-- the order of key_seq is the order of commits.
CREATE TABLE event_key (
  aggregate text NOT NULL,
  key text NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (aggregate, key)
);

-- Committed, not yet acknowledged by the broker.
CREATE TABLE outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL,
  type text NOT NULL,
  source text NOT NULL,
  aggregate text NOT NULL,
  key text NOT NULL,
  key_seq bigint NOT NULL,
  subject text NOT NULL,
  traceparent text,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (aggregate, key, key_seq)
);

-- A queue leaves a dead row behind for each event: vacuum by count, not by share of the table.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Acknowledged; kept for 24 h to reconcile with a broker that lost its disk.
CREATE TABLE outbox_sent (
  seq bigint PRIMARY KEY,
  event_id uuid NOT NULL,
  type text NOT NULL,
  source text NOT NULL,
  aggregate text NOT NULL,
  key text NOT NULL,
  key_seq bigint NOT NULL,
  subject text NOT NULL,
  traceparent text,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outbox_sent_by_time ON outbox_sent (sent_at);
