-- Who may do what: roles, their assignments, access policies; and the credentials that are not passwords.

-- A named set of permissions: 'file.view_filerepository'. Locked roles are written by the platform itself.
CREATE TABLE role (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text,
    permissions text[] NOT NULL DEFAULT '{}',     -- sorted
    locked boolean NOT NULL DEFAULT false,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now()
);

-- A role that a user or a group has: on one object, on all objects of a domain, or (neither) everywhere.
CREATE TABLE role_assignment (
    id uuid PRIMARY KEY,
    role_id uuid NOT NULL REFERENCES role ON DELETE CASCADE,
    user_id integer REFERENCES app_user ON DELETE CASCADE,
    group_id integer REFERENCES user_group ON DELETE CASCADE,
    domain_id uuid REFERENCES domain ON DELETE CASCADE,
    object_type text,                             -- as in its PRN: 'file.filerepository'
    object_key text,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, group_id) = 1),
    CHECK (num_nonnulls(object_type, object_key) IN (0, 2)),
    CHECK (domain_id IS NULL OR object_key IS NULL)
);
-- The same role in the same place once; NULLs are written out, since servers before 15 take them for different.
CREATE UNIQUE INDEX role_assignment_once ON role_assignment (
    role_id, coalesce(user_id, 0), coalesce(group_id, 0),
    coalesce(domain_id, '00000000-0000-0000-0000-000000000000'), coalesce(object_type, ''), coalesce(object_key, ''));
CREATE INDEX role_assignment_user ON role_assignment (user_id, object_type) WHERE user_id IS NOT NULL;
CREATE INDEX role_assignment_group ON role_assignment (group_id, object_type) WHERE group_id IS NOT NULL;
CREATE INDEX role_assignment_object ON role_assignment (object_key, object_type) WHERE object_key IS NOT NULL;
CREATE INDEX role_assignment_domain ON role_assignment (domain_id) WHERE domain_id IS NOT NULL;

-- How an endpoint decides. A row that is not customized repeats what follows from the endpoint's declaration.
CREATE TABLE access_policy (
    id uuid PRIMARY KEY,
    viewset_name text NOT NULL UNIQUE,
    statements jsonb NOT NULL DEFAULT '[]',
    creation_hooks jsonb NOT NULL DEFAULT '[]',
    queryset_scoping jsonb NOT NULL DEFAULT '{}',
    customized boolean NOT NULL DEFAULT false,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now()
);

-- A personal access token; the token itself is shown once and never stored.
CREATE TABLE access_token (
    id uuid PRIMARY KEY,
    user_id integer NOT NULL REFERENCES app_user ON DELETE CASCADE,
    name text NOT NULL,
    digest bytea NOT NULL,                        -- SHA-256 of a random secret of 256 bits
    scope text[],                                 -- patterns of permissions; NULL: all that its user may do
    expires timestamptz,
    last_used timestamptz,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name)
);

CREATE TABLE login_session (
    digest bytea PRIMARY KEY,                     -- SHA-256 of the cookie's value
    user_id integer NOT NULL REFERENCES app_user ON DELETE CASCADE,
    password_mark bytea NOT NULL,                 -- of the password's hash at login: another password ends the session
    expires timestamptz NOT NULL,
    pulp_created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_session_user ON login_session (user_id);
CREATE INDEX login_session_expires ON login_session (expires);

-- Roles on an object go with it. One statement a DELETE, however many rows; the table's name in PRNs only matters for
-- groups, whose keys are numbers.
CREATE FUNCTION forget_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM role_assignment a USING gone
    WHERE a.object_key = gone.id::text AND (TG_NARGS = 0 OR a.object_type = TG_ARGV[0]);
    RETURN NULL;
END $$;
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['repository', 'remote', 'publication', 'distribution', 'content_guard', 'upload', 'domain',
        'alternate_content_source']
    LOOP
        EXECUTE 'CREATE TRIGGER roles_gone AFTER DELETE ON ' || quote_ident(name) || ' REFERENCING OLD TABLE AS gone '
                'FOR EACH STATEMENT EXECUTE FUNCTION forget_roles()';
    END LOOP;
END $$;
CREATE TRIGGER roles_gone AFTER DELETE ON user_group REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_roles('core.group');
CREATE TRIGGER roles_gone AFTER DELETE ON app_user REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_roles('auth.user');

-- What processes remember of users includes their groups and the roles that they have everywhere or in a domain. Roles on
-- one object are never remembered, so that making objects forgets nothing.
CREATE TRIGGER users_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON user_group_member
    FOR EACH STATEMENT EXECUTE FUNCTION notify_users_changed();
CREATE TRIGGER users_changed AFTER UPDATE OR DELETE OR TRUNCATE ON role
    FOR EACH STATEMENT EXECUTE FUNCTION notify_users_changed();
CREATE TRIGGER users_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON access_policy
    FOR EACH STATEMENT EXECUTE FUNCTION notify_users_changed();
CREATE TRIGGER users_changed_by_insert AFTER INSERT ON role_assignment
    FOR EACH ROW WHEN (NEW.object_key IS NULL) EXECUTE FUNCTION notify_users_changed();
CREATE TRIGGER users_changed_by_delete AFTER DELETE ON role_assignment
    FOR EACH ROW WHEN (OLD.object_key IS NULL) EXECUTE FUNCTION notify_users_changed();
