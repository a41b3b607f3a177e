-- For what is the same of all tracks of an album. Of tracks that were imported before it is told with their next event.
ALTER TABLE track ADD COLUMN album_id text;
CREATE INDEX track_of_album ON track (album_id);
