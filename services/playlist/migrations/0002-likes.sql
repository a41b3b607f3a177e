CREATE TABLE liked_track (
  listener_id text NOT NULL,
  track_id text NOT NULL,
  liked_at timestamptz NOT NULL,
  PRIMARY KEY (listener_id, track_id)
);
CREATE INDEX liked_track_latest ON liked_track (listener_id, liked_at DESC, track_id DESC);
