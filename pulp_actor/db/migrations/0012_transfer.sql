-- Exports and imports. What only one type of exporter has is in `details`, as everywhere.
CREATE TABLE exporter (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001' REFERENCES domain,
    type text NOT NULL,                           -- 'core.pulp' (archives) or 'core.filesystem'
    name text NOT NULL,
    path text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    last_export_id uuid,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, name)
);

-- What an exporter has written. The row is made when everything is in its place.
CREATE TABLE export (
    id uuid PRIMARY KEY,
    exporter_id uuid NOT NULL REFERENCES exporter ON DELETE CASCADE,
    type text NOT NULL,
    task_id uuid,                                 -- the task may be purged
    params jsonb NOT NULL DEFAULT '{}',           -- the request
    exported jsonb NOT NULL DEFAULT '[]',         -- [{"repository": key, "version": number, "publication": key, …}, …]
    output jsonb NOT NULL DEFAULT '{}',           -- {"output_file_info": {…}, "toc_info": {…}}
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX export_exporter ON export (exporter_id, pulp_created DESC);
ALTER TABLE exporter ADD FOREIGN KEY (last_export_id) REFERENCES export ON DELETE SET NULL;

CREATE TABLE importer (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001' REFERENCES domain,
    type text NOT NULL DEFAULT 'core.pulp',
    name text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',          -- {"repo_mapping": {name there: name here}}
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, name)
);

-- What an importer has brought in. The row is made in the transaction that makes the versions.
CREATE TABLE archive_import (
    id uuid PRIMARY KEY,
    importer_id uuid NOT NULL REFERENCES importer ON DELETE CASCADE,
    task_id uuid,
    params jsonb NOT NULL DEFAULT '{}',
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX archive_import_importer ON archive_import (importer_id, pulp_created DESC);
