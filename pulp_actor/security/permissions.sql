-- Permissions of a user. A role counts if the user, or a group that the user is in, has it.

-- name: account
-- A user, by name or by key, with their groups (those named in `more` count, too), and each permission that they have on
-- all objects, as 'permission domain', the domain empty for everywhere.
WITH who AS (SELECT * FROM app_user WHERE username = %(name)s OR id = %(key)s),
member AS (
    SELECT g.id, g.name FROM user_group g WHERE g.name = ANY(%(more)s::text[])
    OR g.id IN (SELECT group_id FROM user_group_member JOIN who ON who.id = user_id)
)
SELECT who.id, who.username, who.is_superuser, who.is_active, who.password,
    ARRAY(SELECT id FROM member ORDER BY id), ARRAY(SELECT name FROM member ORDER BY id),
    ARRAY(SELECT DISTINCT permission || ' ' || coalesce(a.domain_id::text, '')
          FROM role_assignment a JOIN role r ON r.id = a.role_id CROSS JOIN unnest(r.permissions) permission
          WHERE a.object_type IS NULL AND NOT who.is_superuser
          AND (a.user_id = who.id OR a.group_id IN (SELECT id FROM member)))
FROM who

-- name: on_object
-- The permissions that roles on one object give.
SELECT DISTINCT permission
FROM role_assignment a JOIN role r ON r.id = a.role_id CROSS JOIN unnest(r.permissions) permission
WHERE a.object_key = %(key)s AND a.object_type = %(type)s
AND (a.user_id = %(user)s OR a.group_id = ANY(%(groups)s))

-- name: on_own_task
-- What whoever asked for a task may do with it, as if they had the owner's role on it.
SELECT unnest(r.permissions) FROM role r, task t
WHERE r.name = %(owner)s AND t.id = %(key)s::uuid AND t.created_by = %(user)s

-- name: on_own_group
-- The same of a group of tasks, all of which this user has asked for.
SELECT unnest(r.permissions) FROM role r
WHERE r.name = %(owner)s AND (SELECT bool_and(t.created_by IS NOT DISTINCT FROM %(user)s) FROM task t
                              WHERE t.group_id = %(key)s::uuid)

-- name: domain_of_guard
SELECT domain_id FROM content_guard WHERE id = %(key)s

-- name: give_roles
-- Give users and groups roles on an object. What they have already, and what does not exist, is passed over.
INSERT INTO role_assignment (id, role_id, user_id, group_id, object_type, object_key)
SELECT gen_random_uuid(), r.id, holder.user_id, holder.group_id, %(type)s, %(key)s
FROM role r, (
    SELECT id AS user_id, NULL::integer AS group_id FROM app_user WHERE id = %(creator)s OR username = ANY(%(users)s)
    UNION ALL SELECT NULL, id FROM user_group WHERE name = ANY(%(groups)s)
) holder
WHERE r.name = ANY(%(roles)s)
ON CONFLICT DO NOTHING

-- name: beyond_role
-- The permissions of a role that a user does not have in the place (an object, a domain or everywhere) it is given for.
SELECT permission FROM unnest(%(permissions)s::text[]) permission
WHERE NOT EXISTS (
    SELECT FROM role_assignment a JOIN role r ON r.id = a.role_id
    WHERE permission = ANY(r.permissions) AND (a.user_id = %(user)s OR a.group_id = ANY(%(groups)s)) AND (
        (a.object_key IS NULL AND (a.domain_id IS NULL OR a.domain_id = %(domain)s::uuid))
        OR (a.object_key = %(key)s AND a.object_type = %(type)s)))

-- name: beyond_holder
-- The permissions that another user or a group has somewhere and that a user does not have there. At most one row.
SELECT permission
FROM role_assignment held JOIN role ON role.id = held.role_id CROSS JOIN unnest(role.permissions) permission
WHERE (held.group_id = %(group)s
    OR held.user_id = %(other)s
    OR held.group_id IN (SELECT group_id FROM user_group_member WHERE user_id = %(other)s))
AND NOT EXISTS (
    SELECT FROM role_assignment a JOIN role r ON r.id = a.role_id
    WHERE permission = ANY(r.permissions) AND (a.user_id = %(user)s OR a.group_id = ANY(%(groups)s)) AND (
        (a.object_key IS NULL AND (a.domain_id IS NULL OR a.domain_id = held.domain_id))
        OR (a.object_key = held.object_key AND a.object_type = held.object_type)))
LIMIT 1

-- name: write_role
-- Write one of the platform's own roles, unless it is there as it should be.
INSERT INTO role (id, name, description, permissions, locked) VALUES (%(id)s, %(name)s, %(description)s, %(permissions)s, true)
ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions, description = excluded.description, locked = true,
    pulp_last_updated = now()
WHERE (role.permissions, role.description, role.locked) IS DISTINCT FROM (excluded.permissions, excluded.description, true)

-- name: write_policy
-- Write the default of an access policy, unless it is customized or there as it should be.
INSERT INTO access_policy (id, viewset_name, statements, creation_hooks, queryset_scoping)
VALUES (%(id)s, %(name)s, %(statements)s, %(hooks)s, %(scoping)s)
ON CONFLICT (viewset_name) DO UPDATE SET statements = excluded.statements, creation_hooks = excluded.creation_hooks,
    queryset_scoping = excluded.queryset_scoping, pulp_last_updated = now()
WHERE NOT access_policy.customized AND (access_policy.statements, access_policy.creation_hooks, access_policy.queryset_scoping)
    IS DISTINCT FROM (excluded.statements, excluded.creation_hooks, excluded.queryset_scoping)

-- name: customized_policies
SELECT viewset_name, statements, queryset_scoping FROM access_policy WHERE customized

-- name: creation_hooks
SELECT creation_hooks FROM access_policy WHERE viewset_name = %s
