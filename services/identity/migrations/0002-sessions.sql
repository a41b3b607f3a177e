-- One sign-in and all the sessions that came of it by refreshing. Locked by every refresh.
CREATE TABLE session_family (
  id text PRIMARY KEY,
  listener_id text NOT NULL REFERENCES listener (id),
  expires_at timestamptz NOT NULL,
  -- Set when a token was used that should have been forgotten: none of the family is good any more.
  reused_at timestamptz
);
CREATE INDEX session_family_of_listener ON session_family (listener_id);

-- Tokens stay until they expire, so that the use of an old one is noticed.
CREATE TABLE refresh_token (
  sha256 bytea PRIMARY KEY,
  family_id text NOT NULL REFERENCES session_family (id) ON DELETE CASCADE,
  -- The token that it was traded for; none for the first of a family.
  predecessor bytea,
  expires_at timestamptz NOT NULL,
  traded_at timestamptz
);
CREATE INDEX refresh_token_of_family ON refresh_token (family_id, expires_at);
CREATE INDEX refresh_token_successors ON refresh_token (predecessor);
