-- Passkeys of users. An authenticator chooses the id, so it is unique in a
-- pool: it stands for one user. "sign_count" is what the authenticator counted
-- at the last use, 0 for one that does not count.
create table user_passkeys (
    pool_id           text    not null,
    credential_id     bytea   not null,
    sub               text    not null,
    public_key        bytea   not null,
    sign_count        bigint  not null,
    transports        text    not null,
    attachment        text    not null,
    aaguid            text    not null,
    user_verified     boolean not null,
    backup_eligible   boolean not null,
    backed_up         boolean not null,
    relying_party_id  text    not null,
    name              text    not null,
    created_at        bigint  not null,
    used_at           bigint  not null,
    primary key (pool_id, credential_id)
);
create index user_passkeys_by_user on user_passkeys (pool_id, sub, credential_id);
