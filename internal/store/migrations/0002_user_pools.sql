create table user_pools (
    pool_id    text   not null primary key,
    name       text   not null,
    settings   text   not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table user_pool_clients (
    client_id  text   not null primary key,
    pool_id    text   not null,
    name       text   not null,
    settings   text   not null,
    secrets    bytea,
    created_at bigint not null,
    updated_at bigint not null
);
create index user_pool_clients_by_pool on user_pool_clients (pool_id, client_id);

create table user_pool_keys (
    pool_id     text   not null,
    kid         text   not null,
    token_use   text   not null,
    private_key bytea  not null,
    public_key  bytea  not null,
    created_at  bigint not null,
    signs_from  bigint not null,
    retired_at  bigint not null,
    primary key (pool_id, kid)
);

create table users (
    pool_id      text    not null,
    sub          text    not null,
    username     text    not null,
    username_key text    not null,
    status       text    not null,
    enabled      boolean not null,
    attributes   text    not null,
    password     bytea,
    password_at  bigint  not null,
    failures     bigint  not null,
    failed_at    bigint  not null,
    day_failures bigint  not null,
    day_start    bigint  not null,
    created_at   bigint  not null,
    updated_at   bigint  not null,
    primary key (pool_id, sub)
);
create unique index users_by_name on users (pool_id, username_key);

create table user_index (
    pool_id text not null,
    name    text not null,
    value   text not null,
    sub     text not null,
    primary key (pool_id, name, value, sub)
);

create table user_aliases (
    pool_id text not null,
    name    text not null,
    value   text not null,
    sub     text not null,
    primary key (pool_id, name, value)
);
create index user_aliases_by_user on user_aliases (pool_id, sub);

create table user_codes (
    pool_id    text   not null,
    sub        text   not null,
    purpose    text   not null,
    code       bytea  not null,
    attribute  text   not null,
    created_at bigint not null,
    expires_at bigint not null,
    failures   bigint not null,
    primary key (pool_id, sub, purpose)
);
create index user_codes_by_expiry on user_codes (expires_at);

create table user_attempts (
    pool_id    text   not null,
    sub        text   not null,
    kind       text   not null,
    expires_at bigint not null,
    attempts   bigint not null,
    primary key (pool_id, sub, kind)
);
create index user_attempts_by_expiry on user_attempts (expires_at);

create table user_sessions (
    pool_id    text   not null,
    sub        text   not null,
    origin_jti text   not null,
    client_id  text   not null,
    auth_time  bigint not null,
    expires_at bigint not null,
    primary key (pool_id, sub, origin_jti)
);
create index user_sessions_by_expiry on user_sessions (expires_at);

create table unknown_names (
    pool_id      text   not null,
    digest       text   not null,
    failures     bigint not null,
    failed_at    bigint not null,
    day_failures bigint not null,
    day_start    bigint not null,
    expires_at   bigint not null,
    primary key (pool_id, digest)
);
create index unknown_names_by_expiry on unknown_names (expires_at);
