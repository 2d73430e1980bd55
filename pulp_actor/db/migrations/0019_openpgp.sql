-- A certificate (a public key with all that hangs on it) and its parts, each a unit of content. The certificate's bytes are its
-- artifact; a newer one of the same key is another unit, which takes its place in a keyring.
CREATE TABLE openpgp_public_key (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL,
    fingerprint text NOT NULL,
    digest text NOT NULL,                         -- SHA-256 of the artifact
    created timestamptz NOT NULL,
    UNIQUE (domain_id, fingerprint, digest)
);
CREATE TABLE openpgp_public_subkey (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL,
    public_key_id uuid NOT NULL REFERENCES openpgp_public_key ON DELETE CASCADE,
    fingerprint text NOT NULL,
    created timestamptz NOT NULL,
    UNIQUE (public_key_id, fingerprint)
);
CREATE TABLE openpgp_user_id (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL,
    public_key_id uuid NOT NULL REFERENCES openpgp_public_key ON DELETE CASCADE,
    user_id text NOT NULL,
    UNIQUE (public_key_id, user_id)
);
CREATE TABLE openpgp_user_attribute (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL,
    public_key_id uuid NOT NULL REFERENCES openpgp_public_key ON DELETE CASCADE,
    sha256 text NOT NULL,
    UNIQUE (public_key_id, sha256)
);
CREATE TABLE openpgp_signature (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL,
    signed_content_id uuid NOT NULL REFERENCES content ON DELETE CASCADE,
    sha256 text NOT NULL,
    signature_type integer NOT NULL,
    issuer text,                                  -- key id
    signers_user_id text,
    created timestamptz NOT NULL,
    expires_at timestamptz,                       -- the signature
    key_expires_at timestamptz,                   -- what it says of the key
    UNIQUE (signed_content_id, sha256)
);

-- The parts of a key as the API shows them inside it.
CREATE FUNCTION openpgp_signatures(p_content uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'issuer', issuer, 'created', created, 'expiration_time', expires_at, 'signers_user_id', signers_user_id,
        'key_expiration_time', key_expires_at, 'expired', coalesce(expires_at < now(), false),
        'key_expired', (key_expires_at < now())::text) ORDER BY created, sha256), '[]')
    FROM openpgp_signature WHERE signed_content_id = p_content
$$;
CREATE FUNCTION openpgp_user_ids(p_key uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'user_id', user_id, 'signatures', openpgp_signatures(content_id)) ORDER BY content_id), '[]')
    FROM openpgp_user_id WHERE public_key_id = p_key
$$;
CREATE FUNCTION openpgp_user_attributes(p_key uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'sha256', sha256, 'signatures', openpgp_signatures(content_id)) ORDER BY content_id), '[]')
    FROM openpgp_user_attribute WHERE public_key_id = p_key
$$;
CREATE FUNCTION openpgp_public_subkeys(p_key uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'fingerprint', fingerprint, 'created', created, 'signatures', openpgp_signatures(content_id)) ORDER BY content_id), '[]')
    FROM openpgp_public_subkey WHERE public_key_id = p_key
$$;
