CREATE TABLE artist (
  id text PRIMARY KEY,
  name text NOT NULL,
  sort_name text COLLATE "C" NOT NULL
);
CREATE INDEX artist_by_name ON artist (sort_name, id);

CREATE TABLE album (
  id text PRIMARY KEY,
  title text NOT NULL,
  artist_id text NOT NULL REFERENCES artist,
  -- The order in which albums came: a cursor without ties.
  import_seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE
);
CREATE INDEX album_of_artist ON album (artist_id);

CREATE TABLE cover (
  id text PRIMARY KEY,
  content_type text NOT NULL,
  -- Pictures do not shrink further; stored plainly, a part can be read without the whole.
  bytes bytea NOT NULL
);
ALTER TABLE cover ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE track (
  id text PRIMARY KEY,
  title text NOT NULL,
  sort_title text COLLATE "C" NOT NULL,
  artist_id text NOT NULL REFERENCES artist,
  album_id text NOT NULL REFERENCES album,
  disc_number integer NOT NULL,
  track_number integer NOT NULL,
  duration_ms integer NOT NULL,
  year integer NOT NULL,
  genres text[] NOT NULL,
  cover_id text REFERENCES cover,
  cover_embedded boolean NOT NULL,
  tagged boolean NOT NULL,
  playable boolean NOT NULL DEFAULT false,
  imported_at timestamptz NOT NULL DEFAULT now(),
  -- Null once another track's file took its place.
  source_path text UNIQUE,
  source_sha256 text NOT NULL UNIQUE,
  source_bytes bigint NOT NULL,
  source_mtime_ms bigint NOT NULL
);
CREATE INDEX track_by_title ON track (sort_title, id);
CREATE INDEX track_of_album ON track (album_id);
CREATE INDEX track_of_artist ON track (artist_id);

-- What an operator took out stays out when its folder is imported again.
CREATE TABLE removed_track (
  id text PRIMARY KEY,
  source_sha256 text NOT NULL UNIQUE,
  removed_at timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW track_listing AS
SELECT track.*, artist.name AS artist_name, album.title AS album_title
FROM track
JOIN artist ON artist.id = track.artist_id
JOIN album ON album.id = track.album_id;

-- Albums and artists are shown while they have tracks.
CREATE VIEW album_listing AS
SELECT album.*, artist.name AS artist_name, own.*
FROM album
JOIN artist ON artist.id = album.artist_id
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS track_count,
         coalesce(sum(duration_ms), 0)::bigint AS duration_ms,
         coalesce(max(year), 0) AS year,
         (array_agg(cover_id ORDER BY greatest(disc_number, 1), track_number) FILTER (WHERE cover_id IS NOT NULL))[1] AS cover_id
  FROM track WHERE album_id = album.id
) own
WHERE own.track_count > 0;

CREATE VIEW artist_listing AS
SELECT artist.*, own.track_count, albums.album_count, coalesce(albums.cover_id, own.cover_id) AS cover_id
FROM artist
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS track_count,
         (array_agg(cover_id ORDER BY imported_at) FILTER (WHERE cover_id IS NOT NULL))[1] AS cover_id
  FROM track WHERE artist_id = artist.id
) own
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS album_count,
         (array_agg(cover_id ORDER BY import_seq) FILTER (WHERE cover_id IS NOT NULL))[1] AS cover_id
  FROM album_listing WHERE artist_id = artist.id
) albums
WHERE own.track_count > 0 OR albums.album_count > 0;
