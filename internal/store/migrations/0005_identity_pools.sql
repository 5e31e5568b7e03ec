create table identity_pools (
    pool_id    text   not null primary key,
    name       text   not null,
    settings   text   not null,
    roles      text   not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table identities (
    identity_id text    not null primary key,
    pool_id     text    not null,
    enabled     boolean not null,
    created_at  bigint  not null,
    updated_at  bigint  not null
);
create index identities_by_pool on identities (pool_id, identity_id);

create table identity_links (
    pool_id     text not null,
    provider    text not null,
    subject     text not null,
    identity_id text not null,
    primary key (pool_id, provider, subject)
);
create index identity_links_by_identity on identity_links (identity_id);

create table identity_keys (
    kid         text   not null primary key,
    private_key bytea  not null,
    created_at  bigint not null
);
