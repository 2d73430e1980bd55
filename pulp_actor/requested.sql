-- name: note_requests
-- In order of the key, so that two content servers cannot lock each other out; a unit that has gone is none.
INSERT INTO content_request (content_id, requested_at)
SELECT DISTINCT entry.content_id, now() FROM content_artifact AS entry
WHERE entry.id = ANY (%s::uuid[])
ORDER BY entry.content_id
ON CONFLICT (content_id) DO UPDATE SET requested_at = excluded.requested_at
    WHERE content_request.requested_at < excluded.requested_at - interval '1 hour'
