-- Shared by all replicas. A key is served before it signs and for as long as its tokens are valid.
CREATE TABLE signing_key (
  kid text PRIMARY KEY,
  private_jwk jsonb NOT NULL,
  signs_from timestamptz NOT NULL
);
