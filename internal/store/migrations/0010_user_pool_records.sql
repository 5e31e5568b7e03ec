-- What a user pool keeps besides clients and users: resource servers, identity
-- providers, styles, terms, configurations. The kind says which; body is JSON
-- of the service's making, secret is sealed. Each thing has an id, a name that
-- is unique within its kind too, and an owner, with which it goes.
create table user_pool_records (
    pool_id    text   not null,
    kind       text   not null,
    id         text   not null,
    name       text   not null,
    owner      text   not null,
    body       text   not null,
    secret     bytea,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (pool_id, kind, id)
);
create unique index user_pool_records_by_name on user_pool_records (pool_id, kind, name);
create index user_pool_records_by_owner on user_pool_records (pool_id, owner);

-- A domain's pool is found by its name, which is therefore unique over all
-- pools. A pool has one prefix domain and one custom domain.
create table user_pool_domains (
    domain     text    not null primary key,
    pool_id    text    not null,
    custom     boolean not null,
    body       text    not null,
    created_at bigint  not null,
    updated_at bigint  not null
);
create unique index user_pool_domains_by_pool on user_pool_domains (pool_id, custom);
