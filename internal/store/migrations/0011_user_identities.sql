-- Identities at providers that sign in as a user of the pool.
create table user_identities (
    pool_id    text   not null,
    provider   text   not null,
    attribute  text   not null,
    value      text   not null,
    sub        text   not null,
    created_at bigint not null,
    primary key (pool_id, provider, attribute, value)
);
create index user_identities_by_user on user_identities (pool_id, sub);
