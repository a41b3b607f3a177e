-- What was answered to a call with an idempotency key. Null only within the transaction that makes the answer.
CREATE TABLE answer (
  listener_id text NOT NULL,
  idempotency_key text NOT NULL,
  request_hash bytea NOT NULL,
  response bytea,
  answered_at timestamptz NOT NULL,
  PRIMARY KEY (listener_id, idempotency_key)
);
CREATE INDEX answer_age ON answer (answered_at);
