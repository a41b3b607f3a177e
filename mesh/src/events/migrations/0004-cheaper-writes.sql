-- Rows come in the order of their time: an index of ranges of blocks finds the old ones, and costs a writer nothing.
DROP INDEX inbox_by_time;
CREATE INDEX inbox_by_time ON inbox USING brin (handled_at);
DROP INDEX outbox_sent_by_time;
CREATE INDEX outbox_sent_by_time ON outbox_sent USING brin (sent_at);

-- One row a key, changed with each event: with room on its page a change touches no index.
ALTER TABLE event_key SET (fillfactor = 50);
ALTER TABLE inbox_position SET (fillfactor = 50);
