-- Tracks of the catalog, as its events and its export tell of them.
CREATE TABLE known_track (
  track_id text PRIMARY KEY,
  artist_id text NOT NULL,
  album_id text NOT NULL,
  genres text[] NOT NULL,
  imported_at timestamptz NOT NULL,
  -- Of the last event that is in this row: an older one changes nothing.
  key_seq bigint NOT NULL,
  -- Kept, so that an export that is older than the removal does not bring the track back.
  removed boolean NOT NULL DEFAULT false
);
CREATE INDEX known_track_newest ON known_track (imported_at DESC, track_id) WHERE NOT removed;
CREATE INDEX known_track_album ON known_track (album_id) WHERE NOT removed;
CREATE INDEX known_track_artist ON known_track (artist_id) WHERE NOT removed;
CREATE INDEX known_track_genres ON known_track USING gin (genres) WHERE NOT removed;

-- What a listener did lately, the latest of each kind for a track.
CREATE TABLE listener_signal (
  listener_id text NOT NULL,
  track_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('heard', 'added', 'liked', 'skipped')),
  source text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (listener_id, track_id, kind)
);
CREATE INDEX listener_signal_latest ON listener_signal (listener_id, at DESC);

-- Grows by one whenever the recommendations of the listener may be different.
CREATE TABLE listener_version (
  listener_id text PRIMARY KEY,
  version bigint NOT NULL
);

-- Weights grow with time instead of being shrunk (forward decay): only their ratios mean something.
CREATE TABLE item_weight (
  track_id text PRIMARY KEY,
  weight double precision NOT NULL,
  popularity double precision NOT NULL
);
CREATE INDEX item_weight_popularity ON item_weight (popularity DESC, track_id);

-- Both directions of each pair.
CREATE TABLE pair_weight (
  track_id text NOT NULL,
  other_id text NOT NULL,
  weight double precision NOT NULL,
  PRIMARY KEY (track_id, other_id)
);
