-- One row: what this installation is known by in analytics. Random, so that it says nothing.
CREATE TABLE installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- Once a day, by whichever worker is housekeeper then; installations made at the same time do not all report at once.
INSERT INTO task_schedule (id, name, actor, interval_seconds, next_dispatch)
VALUES (gen_random_uuid(), 'analytics', 'pulp_actor.analytics.post', 86400, now() + interval '1 hour' * (1 + random()));
