-- What keeps a domain from being deleted, and what goes with it.

-- name: what_is_in
-- What is in a domain, in words.
SELECT kind FROM (VALUES
    ('repositories', EXISTS (SELECT FROM repository WHERE domain_id = %(domain)s::uuid)),
    ('remotes', EXISTS (SELECT FROM remote WHERE domain_id = %(domain)s::uuid)),
    ('distributions', EXISTS (SELECT FROM distribution WHERE domain_id = %(domain)s::uuid)),
    ('publications', EXISTS (SELECT FROM publication WHERE domain_id = %(domain)s::uuid)),
    ('content guards', EXISTS (SELECT FROM content_guard WHERE domain_id = %(domain)s::uuid)),
    ('units of content', EXISTS (SELECT FROM content WHERE domain_id = %(domain)s::uuid)),
    ('artifacts', EXISTS (SELECT FROM artifact WHERE domain_id = %(domain)s::uuid)),
    ('uploads', EXISTS (SELECT FROM upload WHERE domain_id = %(domain)s::uuid)),
    ('unfinished tasks', EXISTS (
        SELECT FROM task WHERE domain_id = %(domain)s::uuid AND state IN ('waiting', 'running', 'canceling')))
) AS asked (kind, present) WHERE present

-- name: delete_tasks
DELETE FROM task WHERE domain_id = %(domain)s::uuid

-- name: delete_groups
DELETE FROM task_group WHERE domain_id = %(domain)s::uuid
