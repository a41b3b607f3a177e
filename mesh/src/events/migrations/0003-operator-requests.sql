-- What an operator has asked of a consumer; its replicas look every second.

-- A parked key that is to be let go.
ALTER TABLE inbox_position ADD COLUMN release_requested_at timestamptz;

-- Events that are to be handled again, whatever the inbox says of them.
CREATE TABLE inbox_replay (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  type text NOT NULL,
  source text NOT NULL,
  key text NOT NULL,
  key_seq bigint NOT NULL,
  traceparent text,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Why it could not be handled; it is not tried again.
  failure text
);
CREATE INDEX inbox_replay_waiting ON inbox_replay (consumer, seq) WHERE failure IS NULL;
