-- Other places where the bytes of files can be had, by digest, whatever they are called there. Tried before the place that a
-- sync or a client was told.
CREATE TABLE alternate_content_source (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001' REFERENCES domain,
    type text NOT NULL,
    name text NOT NULL,
    remote_id uuid NOT NULL REFERENCES remote,
    paths jsonb NOT NULL DEFAULT '[]',            -- below the remote's URL; none: that URL itself
    last_refreshed timestamptz,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, name)
);
CREATE INDEX alternate_content_source_remote ON alternate_content_source (remote_id);

-- What a source had when it was last refreshed. The key begins with the digest, because that is how a file is looked for.
CREATE TABLE alternate_content_file (
    digest text NOT NULL,                         -- "sha256:…"
    source_id uuid NOT NULL REFERENCES alternate_content_source ON DELETE CASCADE,
    path text NOT NULL,                           -- the one of the source's paths that lists it
    url text NOT NULL,
    size bigint,
    failed_at timestamptz,                        -- the last failed fetch, for the cooldown
    PRIMARY KEY (digest, source_id, path)
);
CREATE INDEX alternate_content_file_source ON alternate_content_file (source_id, path);
