-- Which events a consumer has handled; kept as long as the stream can deliver them again.
CREATE TABLE inbox (
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_time ON inbox (handled_at);

-- How far a consumer is in each key. A parked key waits for its release.
CREATE TABLE inbox_position (
  consumer text NOT NULL,
  aggregate text NOT NULL,
  key text NOT NULL,
  key_seq bigint NOT NULL,
  parked_at timestamptz,
  PRIMARY KEY (consumer, aggregate, key)
);
CREATE INDEX inbox_position_parked ON inbox_position (consumer) WHERE parked_at IS NOT NULL;

-- Attempts that failed, counted here since the broker's count includes deliveries that only came too early.
CREATE TABLE inbox_failure (
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  attempts int NOT NULL,
  failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (consumer, event_id)
);

-- The events of parked keys, in their order.
CREATE TABLE inbox_parked (
  consumer text NOT NULL,
  aggregate text NOT NULL,
  key text NOT NULL,
  key_seq bigint NOT NULL,
  event_id uuid NOT NULL,
  type text NOT NULL,
  source text NOT NULL,
  traceparent text,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (consumer, aggregate, key, key_seq)
);
