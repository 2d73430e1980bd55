-- Another platform whose distributions are had here, too.
CREATE TABLE upstream_pulp (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001' REFERENCES domain,
    name text NOT NULL,
    base_url text NOT NULL,                       -- scheme and host
    api_root text NOT NULL,                       -- '/pulp/'
    upstream_domain text,                         -- the domain there
    ca_cert text,
    client_cert text,
    client_key bytea,                             -- this and the next two: encrypted
    username bytea,
    password bytea,
    tls_validation boolean NOT NULL DEFAULT true,
    max_retries integer,
    total_timeout double precision,
    connect_timeout double precision,
    sock_connect_timeout double precision,
    sock_read_timeout double precision,
    download_concurrency integer,
    remote_policy text NOT NULL DEFAULT 'immediate' CHECK (remote_policy IN ('immediate', 'on_demand', 'streamed')),
    q_select text,                                -- which distributions there; null: all
    policy text NOT NULL DEFAULT 'all' CHECK (policy IN ('all', 'labeled', 'nodelete')),
    last_replication timestamptz,                 -- when the upstream was asked by the last replication that ended well
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, name)
);
