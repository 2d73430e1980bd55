-- name: elect
SELECT pg_try_advisory_lock(%s)

-- name: resign
SELECT pg_advisory_unlock(%s)

-- name: next_due
-- Seconds until something is due; null: nothing waits.
SELECT extract(epoch FROM min(next_attempt) - now())::float8 FROM webhook_delivery WHERE state = 'waiting'

-- name: due
-- What is due, the oldest first.
SELECT delivery.id, delivery.webhook_id
FROM webhook_delivery AS delivery
WHERE delivery.state = 'waiting' AND delivery.next_attempt <= now()
ORDER BY delivery.next_attempt LIMIT %s

-- name: delivered
UPDATE webhook_delivery SET
    state = 'delivered', attempts = attempts + 1, last_status = %(status)s, last_error = NULL, delivered_at = now(),
    pulp_last_updated = now()
WHERE id = %(delivery)s

-- name: failed
-- An attempt that failed: again after a while that doubles each time, up to an hour, or never.
UPDATE webhook_delivery SET
    state = CASE WHEN attempts + 1 >= %(most)s THEN 'dead' ELSE 'waiting' END,
    attempts = attempts + 1, last_status = %(status)s, last_error = %(error)s,
    next_attempt = now() + least(%(delay)s * power(2, least(attempts, 30)), 3600) * (0.9 + random() * 0.2) * interval '1 second',
    pulp_last_updated = now()
WHERE id = %(delivery)s

-- name: wait_with
-- The rest of what is due for a webhook that has just failed waits for its next attempt, so that a receiver that is away
-- does not hold up the others.
UPDATE webhook_delivery SET next_attempt = failed.next_attempt
FROM webhook_delivery AS failed
WHERE failed.id = %(delivery)s AND failed.state = 'waiting' AND webhook_delivery.webhook_id = failed.webhook_id
  AND webhook_delivery.state = 'waiting' AND webhook_delivery.next_attempt <= now()

-- name: forget
DELETE FROM webhook_delivery WHERE state = 'delivered' AND delivered_at < now() - interval '7 days'
