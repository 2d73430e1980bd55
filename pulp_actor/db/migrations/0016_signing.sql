-- Scripts that sign what is published. They belong to the installation and not to a domain: registered on the command line.
CREATE TABLE signing_service (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    class text NOT NULL,                          -- what it makes: 'core:AsciiArmoredDetachedSigningService'
    script text NOT NULL,                         -- path
    pubkey_fingerprint text NOT NULL,
    public_key text NOT NULL,                     -- ASCII-armored
    backend text NOT NULL DEFAULT 'gpg' CHECK (backend IN ('gpg', 'sq')),
    home text,                                    -- where the script finds its keys
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now()
);
