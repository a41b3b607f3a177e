-- What the catalog told of its tracks. A track that left it stays here for the histories of who heard it.
CREATE TABLE track (
  id text PRIMARY KEY,
  -- antiphon.catalog.v1.Track.
  message bytea NOT NULL
);

CREATE TABLE packaging_job (
  track_id text PRIMARY KEY,
  source_sha256 text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
  queued_seq bigint GENERATED ALWAYS AS IDENTITY,
  -- Counted when it is begun, so that a job which kills its packager is not begun for ever.
  attempts integer NOT NULL DEFAULT 0,
  not_before timestamptz NOT NULL DEFAULT now(),
  lease_id text,
  leased_until timestamptz,
  failure text,
  finished_at timestamptz
);
CREATE INDEX packaging_job_open ON packaging_job (queued_seq) WHERE state IN ('waiting', 'running');

-- A packaged track.
CREATE TABLE audio (
  track_id text PRIMARY KEY,
  total_samples bigint NOT NULL,
  segment_samples integer[] NOT NULL,
  loudness_lufs real NOT NULL,
  gain_db real NOT NULL
);

CREATE TABLE rendition (
  track_id text NOT NULL REFERENCES audio ON DELETE CASCADE,
  bitrate_kbps integer NOT NULL,
  object_id text NOT NULL,
  init_bytes integer NOT NULL,
  segment_bytes integer[] NOT NULL,
  PRIMARY KEY (track_id, bitrate_kbps)
);
CREATE INDEX rendition_of_object ON rendition (object_id);

-- Objects that a rendition gave up. They are deleted once nobody can hold a signed URL of them.
CREATE TABLE dropped_object (
  id text PRIMARY KEY,
  dropped_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE playback (
  id text PRIMARY KEY,
  listener_id text NOT NULL,
  track_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- When its sound started, milliseconds since the epoch; null for one that was only made ready.
  played_at_ms bigint
);
CREATE INDEX playback_history ON playback (listener_id, played_at_ms DESC, id DESC) WHERE played_at_ms IS NOT NULL;

-- What was reported of a playback, so that it counts once.
CREATE TABLE playback_mark (
  playback_id text NOT NULL REFERENCES playback ON DELETE CASCADE,
  mark text NOT NULL,
  PRIMARY KEY (playback_id, mark)
);
