-- Whether a cover's smaller pictures were made, as far as they can be. Those stored before there were any are made
-- when the catalog starts.
ALTER TABLE cover ADD COLUMN sized boolean NOT NULL DEFAULT false;
UPDATE cover SET sized = true WHERE id ~ '_[0-9]+[.]webp$';
