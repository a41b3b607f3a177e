-- The head of each playlist: what its log adds up to, without the items. Locked by every change.
CREATE TABLE playlist (
  id text PRIMARY KEY,
  owner_id text NOT NULL,
  name text NOT NULL,
  visibility text NOT NULL CHECK (visibility IN ('private', 'public')),
  revision bigint NOT NULL,
  track_count integer NOT NULL,
  changed_at timestamptz NOT NULL,
  deleted_at timestamptz
);
CREATE INDEX playlist_of_owner ON playlist (owner_id, changed_at DESC, id DESC) WHERE deleted_at IS NULL;

-- The log. Rows are only ever added; replayed in order they give name, visibility and items.
CREATE TABLE playlist_change (
  playlist_id text NOT NULL REFERENCES playlist (id),
  revision bigint NOT NULL,
  author_id text NOT NULL,
  made_at timestamptz NOT NULL,
  change jsonb NOT NULL,
  PRIMARY KEY (playlist_id, revision)
);
-- Tells an item that is gone from one that never was.
CREATE INDEX playlist_change_added ON playlist_change (playlist_id, (change ->> 'itemId'))
  WHERE change ->> 'kind' = 'add';

-- The snapshot of the items. Keys of neighbours may trade places within a transaction.
CREATE TABLE playlist_item (
  playlist_id text NOT NULL REFERENCES playlist (id),
  item_id text NOT NULL,
  track_id text NOT NULL,
  added_at timestamptz NOT NULL,
  sort_key bigint NOT NULL,
  PRIMARY KEY (playlist_id, item_id),
  UNIQUE (playlist_id, sort_key) DEFERRABLE INITIALLY DEFERRED
);

-- What the catalog said of the tracks in playlists, so that showing a playlist's cover needs no call.
CREATE TABLE track_cover (
  track_id text PRIMARY KEY,
  cover_id text NOT NULL
);

-- The first four different covers among the first twenty tracks.
CREATE FUNCTION playlist_covers(of_playlist text) RETURNS text[] LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(cover_id ORDER BY place), '{}')
  FROM (
    SELECT cover_id, min(sort_key) AS place
    FROM (
      SELECT track_id, sort_key FROM playlist_item WHERE playlist_id = of_playlist ORDER BY sort_key LIMIT 20
    ) first
    JOIN track_cover USING (track_id)
    WHERE cover_id <> ''
    GROUP BY cover_id ORDER BY place LIMIT 4
  ) covers
$$;
