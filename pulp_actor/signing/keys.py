"""Stores a certificate as units of content, and adds them to a keyring."""

from __future__ import annotations

import datetime
from typing import Any

from pulp_actor.db import transaction
from pulp_actor.identifiers import ResourceType
from pulp_actor.models import Artifact, Content, ContentArtifact, Repository, mutations
from pulp_actor.models.openpgp import (
    OpenPGPPublicKey,
    OpenPGPPublicSubkey,
    OpenPGPSignature,
    OpenPGPUserAttribute,
    OpenPGPUserID,
)
from pulp_actor.signing.packets import LIMIT, SUBKEY, USER_ID, Certificate, Part, parse_certificate
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.sync.store import keep_cleanup_out
from pulp_actor.sync.units import artifact_of, existing, with_bytes
from pulp_actor.versions import announce, new_version


def create_from(_resource: ResourceType, data: dict[str, Any]) -> OpenPGPPublicKey:
    """Make the units of an uploaded certificate: from one source of bytes, perhaps into a keyring; see `sync.units`.

    Raises:
        ValidationError: a source or the keyring has gone.
        SigningError: it is not one public key.
    """
    with transaction():
        keep_cleanup_out()
        given = artifact_of(data)
        certificate = parse_certificate(_bytes(given))
        keyring = existing(Repository, data, "repository") if data.get("repository_id") else None
        key, units = _store(certificate, given.domain_id, data.get("pulp_labels") or {})  # type: ignore[attr-defined]
        if keyring is not None:
            with new_version(keyring, overwrite=data.get("overwrite") is not False) as version:
                version.add(units)
            announce(version.made)
    return key


def _bytes(artifact: Artifact) -> bytes:
    limit = LIMIT + 1
    return b"".join(get_storage(artifact.domain_id).open(artifact.file, 0, limit))  # type: ignore[attr-defined]


def _store(certificate: Certificate, domain: Any, labels: dict[str, Any]) -> tuple[OpenPGPPublicKey, list[Any]]:
    """The key's unit, and the keys of all units of the certificate."""
    primary = certificate.parts[0]
    with get_storage(domain).temporary() as file:
        file.write(certificate.armored)
        artifact = store_artifact(file, domain)
    key, made = _unit(
        OpenPGPPublicKey, domain, labels, created=primary.created, fingerprint=primary.name, digest=artifact.sha256)
    if made:
        ContentArtifact.create(content=key, artifact=artifact, relative_path=f"{primary.name}.asc")
    units = [key]
    for part in certificate.parts:
        unit = key if part is primary else _part(part, domain, key)
        units.append(unit)
        signed_at = part.created if part.tag == SUBKEY else primary.created
        units += [_signature(one, domain, unit, signed_at) for one in part.signatures]
    return OpenPGPPublicKey.get_by_id(key), list(dict.fromkeys(units))


def _part(part: Part, domain: Any, key: Any) -> Any:
    if part.tag == SUBKEY:
        return _unit(OpenPGPPublicSubkey, domain, public_key=key, fingerprint=part.name, created=part.created)[0]
    if part.tag == USER_ID:
        return _unit(OpenPGPUserID, domain, public_key=key, user_id=part.name)[0]
    return _unit(OpenPGPUserAttribute, domain, public_key=key, sha256=part.name)[0]


def _signature(one: Any, domain: Any, signed: Any, key_created: datetime.datetime) -> Any:
    expires = None if one.key_lifetime is None else key_created + datetime.timedelta(seconds=one.key_lifetime)
    return _unit(
        OpenPGPSignature, domain, signed_content=signed, sha256=one.sha256, signature_type=one.signature_type,
        issuer=one.issuer, signers_user_id=one.signers_user_id, created=one.created, expires_at=one.expires_at,
        key_expires_at=expires)[0]


def _unit(model: Any, domain: Any, labels: dict[str, Any] | None = None, **columns: Any) -> tuple[Any, bool]:
    """(key, whether it is new) of the unit with these columns."""
    content = Content.create(domain=domain, type=model.type, pulp_labels=labels or {})
    inserted = model.insert(content=content.id, domain_id=domain, **columns).on_conflict_ignore().returning(
        model.content).execute()
    if list(inserted):
        return content.id, True
    content.delete_instance()
    query = model.select(model.content).where(model.domain_id == domain)
    for name in model.natural_key_fields:
        query = query.where(getattr(model, name) == columns[name])
    ((found,),) = query.tuples()
    return found, False


mutations.register(OpenPGPPublicKey, mutations.Rules(prepare=with_bytes, create=create_from))
