-- One row a listener: a queue is read and written as a whole, and most changes move the playhead alone.
CREATE TABLE listener_queue (
  listener_id text PRIMARY KEY,
  -- Grows with everything that watchers are told; items_version is the one of the last change of the items.
  version bigint NOT NULL DEFAULT 0,
  items_version bigint NOT NULL DEFAULT 0,
  -- [item id, track id, origin, version it was added in], in the order of play.
  items json NOT NULL DEFAULT '[]',
  -- Ids in the order that the listener chose; null while that is the order of play.
  chosen json,
  -- [item id, id of the item that it stood behind or null], the latest last.
  gone json NOT NULL DEFAULT '[]',
  current_id text,
  repeat text NOT NULL DEFAULT 'off' CHECK (repeat IN ('off', 'all', 'one')),
  device_id text NOT NULL DEFAULT '',
  anchor text NOT NULL DEFAULT '',
  playing boolean NOT NULL DEFAULT false,
  -- Where the playhead was at at_ms, milliseconds since the epoch.
  position_ms bigint NOT NULL DEFAULT 0,
  at_ms bigint NOT NULL DEFAULT 0
);

-- Devices that watch. One whose replica died is not seen any more.
CREATE TABLE queue_device (
  listener_id text NOT NULL,
  device_id text NOT NULL,
  -- Tells a device's streams apart, so that the end of an old one does not take away a new one.
  watch_id text NOT NULL,
  name text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (listener_id, device_id)
);

-- Commands that took effect, so that they do once.
CREATE TABLE queue_command (
  listener_id text NOT NULL,
  idempotency_key text NOT NULL,
  request_hash bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (listener_id, idempotency_key)
);
CREATE INDEX queue_command_age ON queue_command (made_at);
