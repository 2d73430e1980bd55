-- When units were last asked for, to the hour: written in batches by the content servers, read by pruning. A table of its own,
-- so that reading a file never rewrites its unit.
CREATE TABLE content_request (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    requested_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
