CREATE TABLE lyrics (
  track_id text PRIMARY KEY REFERENCES track ON DELETE CASCADE,
  synced boolean NOT NULL,
  -- [{"startMs": 1200, "text": "…"}, …] in their order.
  lines jsonb NOT NULL
);
-- SHA-256 of the .lrc file beside the music, so that a new one is noticed; null where there was none.
ALTER TABLE track ADD COLUMN lrc_sha256 text;
