-- When 30 s, or all of a shorter track, can have been heard, milliseconds since the epoch.
ALTER TABLE playback ADD COLUMN qualifies_at_ms bigint NOT NULL DEFAULT 0;
