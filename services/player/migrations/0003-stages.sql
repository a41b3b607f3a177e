-- A track is packaged in stages, each of which adds renditions, so that it can be played after the first.
ALTER TABLE packaging_job
  ADD COLUMN stages_done smallint NOT NULL DEFAULT 0,
  -- Somebody waits for this many stages to be done; both are reset when they are.
  ADD COLUMN wanted_stages smallint NOT NULL DEFAULT 0,
  ADD COLUMN wanted_at timestamptz;
DROP INDEX packaging_job_open;
CREATE INDEX packaging_job_open ON packaging_job (stages_done, queued_seq) WHERE state IN ('waiting', 'running');
CREATE INDEX packaging_job_wanted ON packaging_job (wanted_at) WHERE wanted_at IS NOT NULL;

-- What is measured of the music, whatever it is coded in.
ALTER TABLE audio
  ADD COLUMN true_peak_dbfs real NOT NULL DEFAULT 0,
  ADD COLUMN peaks bytea NOT NULL DEFAULT '';

-- The renditions of a track in one codec: aligned, so that a player can change from one to another.
CREATE TABLE ladder (
  track_id text NOT NULL REFERENCES audio ON DELETE CASCADE,
  codec text NOT NULL CHECK (codec IN ('opus', 'aac')),
  total_samples bigint NOT NULL,
  segment_samples integer[] NOT NULL,
  PRIMARY KEY (track_id, codec)
);
INSERT INTO ladder SELECT track_id, 'opus', total_samples, segment_samples FROM audio;
ALTER TABLE audio DROP COLUMN total_samples, DROP COLUMN segment_samples;

ALTER TABLE rendition ADD COLUMN codec text NOT NULL DEFAULT 'opus';
ALTER TABLE rendition
  ALTER COLUMN codec DROP DEFAULT,
  DROP CONSTRAINT rendition_track_id_fkey,
  DROP CONSTRAINT rendition_pkey,
  ADD PRIMARY KEY (track_id, codec, bitrate_kbps),
  ADD FOREIGN KEY (track_id, codec) REFERENCES ladder ON DELETE CASCADE;

-- What was packaged before stays until it is replaced.
UPDATE packaging_job SET state = 'waiting', attempts = 0, finished_at = NULL WHERE state = 'done';
